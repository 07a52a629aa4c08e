/* Line plots as SVG: panels in a grid, each with axes, ticks, bands, lines and a legend. */
#include "common/report/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/core/bytes.h"
#include "common/host/file.h"
#include "common/report/markup.h"

enum { WIDTH = 520, HEIGHT = 330, LEFT = 66, RIGHT = 16, TOP = 40, BOTTOM = 46, HEAD = 44, LEGEND_ROW = 16 };

typedef struct Scale {
    double low, high, from, to; /* data range, pixel range */
} Scale;

static void put_text(ByteWriter *w, const char *class, double x, double y, const char *anchor,
                     const char *text) {
    bytes_printf(w, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">", class, x, y, anchor);
    markup_text(w, text);
    bytes_printf(w, "</text>\n");
}

void plot_ticks(double low, double high, int32_t most, double *first, double *step, int32_t *n) {
    if (!(high > low)) high = low + 1;
    double size = pow(10, floor(log10((high - low) / most)));
    static const double steps[] = {1, 2, 5, 10};
    int i = 0;
    while (i < 3 && (high - low) / (size * steps[i]) > most - 1) i++;
    *step = size * steps[i];
    *first = ceil(low / *step - 1e-9) * *step;
    *n = (int32_t)floor((high - *first) / *step + 1e-9) + 1;
}

static double place(const Scale *s, double value) {
    return s->from + (value - s->low) / (s->high - s->low) * (s->to - s->from);
}

static void widen(double value, double *low, double *high) {
    if (!isfinite(value)) return;
    if (!(value >= *low)) *low = value;
    if (!(value <= *high)) *high = value;
}

static bool range_of(const PlotPanel *panel, Scale *x, Scale *y) {
    x->low = y->low = x->high = y->high = NAN;
    for (int32_t k = 0; k < panel->n_series; k++) {
        const PlotSeries *s = &panel->series[k];
        for (int32_t i = 0; i < s->n; i++) {
            if (!isfinite(s->mean[i]) || !isfinite(s->x[i])) continue;
            widen(s->x[i], &x->low, &x->high);
            widen(s->mean[i], &y->low, &y->high);
            if (s->low && s->high) {
                widen(s->low[i], &y->low, &y->high);
                widen(s->high[i], &y->low, &y->high);
            }
        }
    }
    if (!(x->high >= x->low)) return false;
    if (x->high == x->low) x->high = x->low + 1;
    double room = y->high > y->low ? 0.05 * (y->high - y->low) : fmax(fabs(y->low) * 0.1, 0.5);
    y->low -= room;
    y->high += room;
    return true;
}

static void number_text(double value, double step, char out[32]) {
    if (fabs(value) < step * 1e-6) value = 0;
    if (value == 0)
        snprintf(out, 32, "0");
    else if (fabs(value) >= 1e6 || step >= 1e5)
        snprintf(out, 32, "%gM", value / 1e6);
    else if (fabs(value) >= 1e4 || step >= 1e3)
        snprintf(out, 32, "%gk", value / 1e3);
    else
        snprintf(out, 32, "%g", value);
}

static void put_axes(ByteWriter *w, const Scale *x, const Scale *y) {
    double first, step;
    int32_t n;
    char text[32];
    plot_ticks(y->low, y->high, 6, &first, &step, &n);
    for (int32_t i = 0; i < n; i++) {
        double v = first + i * step, at = place(y, v);
        bytes_printf(w, "<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>\n", x->from, at, x->to);
        number_text(v, step, text);
        put_text(w, "tick", x->from - 6, at + 4, "end", text);
    }
    plot_ticks(x->low, x->high, 7, &first, &step, &n);
    for (int32_t i = 0; i < n; i++) {
        double v = first + i * step, at = place(x, v);
        bytes_printf(w, "<path class=\"axis\" d=\"M%.1f %.1fv4\"/>\n", at, y->from);
        number_text(v, step, text);
        put_text(w, "tick", at, y->from + 17, "middle", text);
    }
    bytes_printf(w, "<path class=\"axis\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", x->from, y->to, y->from, x->to);
}

static void put_series(ByteWriter *w, const PlotSeries *s, int32_t colour, const Scale *x, const Scale *y) {
    bool open = false;
    if (s->low && s->high) {
        bytes_printf(w, "<path class=\"band c%d\" d=\"", colour);
        for (int32_t i = 0; i < s->n; i++)
            if (isfinite(s->high[i]) && isfinite(s->x[i])) {
                bytes_printf(w, "%c%.1f %.1f", open ? 'L' : 'M', place(x, s->x[i]), place(y, s->high[i]));
                open = true;
            }
        for (int32_t i = s->n - 1; i >= 0; i--)
            if (isfinite(s->low[i]) && isfinite(s->x[i]))
                bytes_printf(w, "L%.1f %.1f", place(x, s->x[i]), place(y, s->low[i]));
        bytes_printf(w, "Z\"/>\n");
    }
    bytes_printf(w, "<path class=\"line c%d\" d=\"", colour);
    open = false;
    for (int32_t i = 0; i < s->n; i++) {
        bool there = isfinite(s->mean[i]) && isfinite(s->x[i]);
        if (there) bytes_printf(w, "%c%.1f %.1f", open ? 'L' : 'M', place(x, s->x[i]), place(y, s->mean[i]));
        open = there;
    }
    bytes_printf(w, "\"/>\n");
}

static void put_marks(ByteWriter *w, const PlotPanel *panel, const Scale *x, const Scale *y) {
    for (int32_t i = 0; i < panel->n_marks; i++) {
        if (!(panel->marks[i] >= x->low && panel->marks[i] <= x->high)) continue;
        const double at = place(x, panel->marks[i]);
        bytes_printf(w, "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/>\n", at, y->from, y->to);
        put_text(w, "tick", at + 4, y->to + 10, "start", panel->mark_names[i]);
    }
}

static void put_panel(ByteWriter *w, const PlotPanel *panel, int32_t left, int32_t top) {
    const int32_t legend = panel->n_series > 1 ? LEGEND_ROW * ((panel->n_series + 1) / 2) : 0;
    Scale x = {.from = LEFT, .to = WIDTH - RIGHT}, y = {.from = HEIGHT - BOTTOM, .to = TOP + legend};
    bytes_printf(w, "<g transform=\"translate(%d %d)\">\n", left, top);
    put_text(w, "name", LEFT, 22, "start", panel->title);
    for (int32_t k = 0; panel->n_series > 1 && k < panel->n_series; k++) {
        double lx = LEFT + (k % 2) * (WIDTH - LEFT - RIGHT) / 2, ly = 38 + LEGEND_ROW * (k / 2);
        bytes_printf(w, "<path class=\"line c%d\" d=\"M%.1f %.1fh18\"/>\n", k, lx, ly - 4);
        put_text(w, "tick", lx + 24, ly, "start", panel->series[k].name);
    }
    if (range_of(panel, &x, &y)) {
        put_axes(w, &x, &y);
        put_marks(w, panel, &x, &y);
        for (int32_t k = 0; k < panel->n_series; k++) put_series(w, &panel->series[k], k, &x, &y);
    } else {
        put_text(w, "tick", WIDTH / 2.0, HEIGHT / 2.0, "middle", "no data");
    }
    put_text(w, "label", (x.from + x.to) / 2, HEIGHT - 10, "middle", panel->x_label);
    bytes_printf(w,
                 "<text class=\"label\" transform=\"translate(14 %.1f) rotate(-90)\" text-anchor=\"middle\">",
                 (y.from + y.to) / 2);
    markup_text(w, panel->y_label);
    bytes_printf(w, "</text>\n</g>\n");
}

/* Eight colours that are told apart with every kind of colour vision (Okabe and Ito), on both grounds. */
static void put_style(ByteWriter *w) {
    static const char *const colours[PLOT_MAX_SERIES] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                         "#e69f00", "#56b4e9", "#8c6bb1", "#7f7f7f"};
    bytes_printf(
        w, "<style>\n.ground{fill:#fff}text{font:12px system-ui,sans-serif;fill:#222}.title{font-size:16px;"
           "font-weight:600}.name{font-size:13px;font-weight:600}.label{fill:#555}.tick{font-size:11px;fill:#"
           "555}\n"
           ".axis{stroke:#777;fill:none}.grid{stroke:#e3e3e3;fill:none}.mark{stroke:#999;stroke-dasharray:3 "
           "3}.line{fill:none;stroke-width:1.8;"
           "stroke-linejoin:round}.band{opacity:.18;stroke:none}\n");
    for (int i = 0; i < PLOT_MAX_SERIES; i++)
        bytes_printf(w, ".line.c%d{stroke:%s}.band.c%d{fill:%s}\n", i, colours[i], i, colours[i]);
    bytes_printf(
        w,
        "@media (prefers-color-scheme:dark){.ground{fill:#15181c}text{fill:#eee}.label,.tick{fill:#aaa}"
        ".axis{stroke:#888}.grid{stroke:#33383e}.line.c0{stroke:#4aa3df}.band.c0{fill:#4aa3df}}\n</style>\n");
}

Status plot_write(const char *path, const char *title, const PlotPanel *panels, int32_t n_panels) {
    const int32_t columns = n_panels > 1 ? 2 : 1, rows = (n_panels + columns - 1) / columns;
    const int32_t width = columns * WIDTH, height = HEAD + rows * HEIGHT;
    ByteWriter w;
    bytes_init(&w, 64 << 20);
    bytes_printf(
        &w, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\">\n",
        width, height, width, height);
    put_style(&w);
    bytes_printf(&w, "<rect class=\"ground\" width=\"%d\" height=\"%d\"/>\n", width, height);
    put_text(&w, "title", LEFT, 28, "start", title);
    for (int32_t i = 0; i < n_panels; i++)
        put_panel(&w, &panels[i], i % columns * WIDTH, HEAD + i / columns * HEIGHT);
    bytes_printf(&w, "</svg>\n");
    Status st = w.bad ? fail(BS_TOO_BIG, "%s: the plot has too many points", path)
                      : file_replace(path, w.bytes, w.n_bytes);
    bytes_drop(&w);
    return st;
}
