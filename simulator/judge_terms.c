/* A window that holds the form once lets nothing be missed or repeated. In a shorter one as much may be
 * missed, in a longer one as much repeated, as its edges allow; takes differ a few percent in tempo, so what
 * may be missed is counted with the slowest beat, what may be repeated with the fastest. */
#include "simulator/judge_terms.h"

static const double TEMPO_SPREAD = 1.06;

static bool section_edge(const Truth *t, int32_t tune, int32_t position) {
    const TruthTune *of = &t->tunes[tune];
    if (position % of->meter != 0) return false;
    int32_t slot = position / of->meter;
    if (slot >= of->n_slots) return true;
    return t->sections[truth_slot_section(t, tune, slot)].first_slot == slot;
}

double form_jump_price(const Truth *t, int32_t tune, int32_t from, int32_t to) {
    if (from == to) return 0;
    if (from % t->tunes[tune].meter || to % t->tunes[tune].meter) return PRICE_BEAT_JUMP;
    return section_edge(t, tune, from) && section_edge(t, tune, to) ? PRICE_SECTION_JUMP : PRICE_BAR_JUMP;
}

double line_fault(const Truth *t, int32_t tune, int32_t position) {
    if (position % t->tunes[tune].meter) return 0.25;
    return section_edge(t, tune, position) ? 0 : 0.1;
}

double edge_price(const Truth *t, int32_t tune, int32_t position, int32_t form_edge) {
    if (position == form_edge) return 0;
    if (position % t->tunes[tune].meter) return PRICE_EDGE_BEAT;
    return section_edge(t, tune, position) ? PRICE_EDGE_SECTION : PRICE_EDGE_BAR;
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

FormBudget form_budget(const Truth *t, int32_t tune, const float *best, int64_t lo_samples,
                       int64_t hi_samples) {
    FormBudget budget = {0};
    for (int32_t s = 0; s < t->tunes[tune].n_slots; s++)
        if (best[s] <= 1) budget.n_form += t->tunes[tune].meter;
    double beat = truth_beat_samples(t, tune);
    double least = (double)lo_samples / (beat * TEMPO_SPREAD),
           most = (double)hi_samples * TEMPO_SPREAD / beat;
    double form = budget.n_form * beat;
    if ((double)hi_samples < form && least < budget.n_form)
        budget.may_miss = (int32_t)(budget.n_form - least) + 1;
    if ((double)lo_samples > form && most > budget.n_form)
        budget.may_repeat = most > 1e9 ? 1000000000 : (int32_t)(most - budget.n_form) + 1;
    return budget;
}
