/* Prices of form, place, tempo and join. A window that holds the form once lets nothing be missed or
 * repeated; a shorter one makes leaving out free, a longer one repeating: its length alone then says how
 * much. */
#include "simulator/judge_terms.h"

#include <stdlib.h>

int32_t form_position(const Form *f, int32_t u) {
    return f->t->units[u].slot * f->meter + f->t->units[u].phase;
}

static bool of_tune(const Form *f, int32_t u) {
    return f->t->units[u].kind == UNIT_BEAT && truth_unit_tune(f->t, u) == f->tune;
}

/* Slots at one bar of sections with one label, joined in rings. */
static void find_alike(Form *f) {
    const TruthTune *tune = &f->t->tunes[f->tune];
    const TruthSection *sections = f->t->sections + tune->first_section;
    for (int32_t i = 0; i < tune->n_sections; i++)
        for (int32_t k = 0; k < sections[i].n_slots; k++) {
            int32_t slot = sections[i].first_slot + k;
            f->section[slot] = tune->first_section + i;
            for (int32_t step = 1; step <= tune->n_sections; step++) {
                const TruthSection *other = &sections[(i + step) % tune->n_sections];
                if (other->label != sections[i].label || k >= other->n_slots) continue;
                f->alike[slot] = other->first_slot + k;
                break;
            }
        }
}

static void find_best(Form *f) {
    truth_best_flaws(f->t, f->tune, f->best);
    for (int32_t s = 0; s < f->n_slots; s++)
        for (int32_t other = f->alike[s]; other != s; other = f->alike[other])
            if (f->best[other] < f->best[s]) f->best[s] = f->best[other];
}

/* The severity of a beat is its bar's mean, so that a bar's worth does not depend on where in it the flaw is.
 */
static void find_excess(Form *f) {
    const Truth *t = f->t;
    for (int32_t u = 0, end; u < t->n_units; u = end) {
        float sum = 0;
        end = u + 1;
        if (!of_tune(f, u)) continue;
        while (end < t->n_units && of_tune(f, end) && t->units[end].take == t->units[u].take &&
               t->units[end].slot == t->units[u].slot && t->units[end].phase > t->units[end - 1].phase)
            end++;
        for (int32_t v = u; v < end; v++) sum += t->units[v].flaw;
        float best = f->best[t->units[u].slot], mean = sum / (float)(end - u);
        for (int32_t v = u; v < end; v++) f->excess[v] = best <= 1 && mean > best ? mean - best : 0;
    }
}

static void price_form(Form *f, int64_t lo, int64_t hi) {
    for (int32_t p = 0; p < f->n_positions; p++)
        f->before[p + 1] = f->before[p] + (f->best[p / f->meter] <= 1);
    int32_t n = f->before[f->n_positions];
    double form = n * truth_beat_samples(f->t, f->tune), beat_price = PRICE_MISSING / (n > 0 ? n : 1);
    f->miss = (double)hi < form ? 0 : beat_price;
    f->repeat_ = (double)lo > form ? 0 : beat_price;
    f->target = 0.5 * ((double)lo + (double)hi);
}

Status form_init(Form *f, const Truth *t, int32_t tune, int64_t lo, int64_t hi) {
    *f = (Form){.t = t, .tune = tune};
    if (tune < 0 || tune >= t->n_tunes)
        return fail(BS_INVALID, "tune %d, but there are %d tunes", tune, t->n_tunes);
    if (lo < 0 || hi < lo || hi < 1)
        return fail(BS_INVALID, "window %lld..%lld is no window", (long long)lo, (long long)hi);
    f->meter = t->tunes[tune].meter;
    f->n_slots = t->tunes[tune].n_slots;
    f->n_positions = f->meter * f->n_slots;
    f->alike = calloc((size_t)f->n_slots, sizeof *f->alike);
    f->section = calloc((size_t)f->n_slots, sizeof *f->section);
    f->before = calloc((size_t)f->n_positions + 1, sizeof *f->before);
    f->best = calloc((size_t)f->n_slots, sizeof *f->best);
    f->excess = calloc((size_t)t->n_units, sizeof *f->excess);
    if (!f->alike || !f->section || !f->before || !f->best || !f->excess)
        return fail(BS_NOMEM, "no memory for a form of %d bars", f->n_slots);
    find_alike(f);
    find_best(f);
    find_excess(f);
    price_form(f, lo, hi);
    return BS_OK;
}

void form_drop(Form *f) {
    free(f->alike);
    free(f->section);
    free(f->before);
    free(f->best);
    free(f->excess);
    *f = (Form){0};
}

static bool section_edge(const Form *f, int32_t position) {
    if (position % f->meter) return false;
    int32_t slot = position / f->meter;
    return slot >= f->n_slots || f->t->sections[f->section[slot]].first_slot == slot;
}

double form_jump_price(const Form *f, int32_t from, int32_t to) {
    int32_t beats = f->before[to] - f->before[from];
    if (from == to || beats == 0) return 0;
    double price = beats > 0 ? f->miss * beats : f->repeat_ * -beats;
    if (from % f->meter || to % f->meter) return price + PRICE_BEAT_JUMP;
    return price + (section_edge(f, from) && section_edge(f, to) ? PRICE_SECTION_JUMP : PRICE_BAR_JUMP);
}

static double edge_price(const Form *f, int32_t position) {
    if (position % f->meter) return PRICE_EDGE_BEAT;
    return section_edge(f, position) ? PRICE_EDGE_SECTION : PRICE_EDGE_BAR;
}

double form_start_price(const Form *f, int32_t position, double *edge) {
    int32_t missing = f->before[position];
    *edge = missing ? edge_price(f, position) : 0;
    return *edge + f->miss * missing;
}

double form_end_price(const Form *f, int32_t position, double *edge) {
    int32_t missing = f->before[f->n_positions] - f->before[position];
    *edge = missing ? edge_price(f, position) : 0;
    return *edge + f->miss * missing;
}

double line_fault(const Form *f, int32_t from, int32_t to) {
    if (from % f->meter || to % f->meter) return 0.25;
    return section_edge(f, from) && section_edge(f, to) ? 0 : 0.1;
}

/* Mean beat of up to four units going back (step -1) or forward (+1) inside one take. */
static double local_beat(const Truth *t, int32_t u, int step) {
    int64_t sum = 0;
    int n = 0;
    for (int32_t v = u; v >= 0 && v < t->n_units && n < 4; v += step) {
        if (t->units[v].kind != UNIT_BEAT || t->units[v].take != t->units[u].take) break;
        sum += truth_unit_end(t, v) - t->units[v].start_sample;
        n++;
    }
    return n ? (double)sum / n : 0;
}

double tempo_fault(const Truth *t, int32_t a, int32_t b) {
    double before = local_beat(t, a, -1), after = local_beat(t, b, 1);
    if (before <= 0 || after <= 0) return 0;
    double ratio = before > after ? before / after : after / before;
    double fault = (ratio - 1.03) / 0.1;
    return fault <= 0 ? 0 : 0.5 * (fault < 1 ? fault : 1);
}

double join_fault(const Truth *t, int32_t out, int32_t in, Fade fade) {
    static const double off[FADE_COUNT] = {
        [FADE_HALF_BEAT] = 0.1, [FADE_2_BEATS] = 0.1, [FADE_4_BEATS] = 0.3};
    double a = out >= 0 && out < t->n_units ? (double)t->units[out].sustain : 0,
           b = in >= 0 && in < t->n_units ? (double)t->units[in].sustain : 0, ringing = a < b ? a : b;
    return fade == FADE_SHORT ? ringing : 1 - ringing + off[fade] * ringing;
}

Fade right_fade(const Truth *t, int32_t out, int32_t in) {
    return join_fault(t, out, in, FADE_1_BEAT) < join_fault(t, out, in, FADE_SHORT) ? FADE_1_BEAT
                                                                                    : FADE_SHORT;
}
