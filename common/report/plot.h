#pragma once
/* Plot: line plots as one SVG, for learning curves. Text and lines take their colours from a style sheet
 * inside, so a picture reads on a light and on a dark page. */
#include "common/core/status.h"
#include <stdint.h>

enum { PLOT_MAX_SERIES = 8 }; /* more would not be told apart */

typedef struct PlotSeries {
    const char *name;
    int32_t n;                /* points; those that are not finite are gaps */
    const double *x, *mean;   /* x ascends */
    const double *low, *high; /* band around the line; both NULL: none */
} PlotSeries;

typedef struct PlotPanel {
    const char *title, *x_label, *y_label;
    int32_t n_series;
    PlotSeries series[PLOT_MAX_SERIES];
    int32_t n_marks; /* places along x where something changed */
    const double *marks;
    const char *const *mark_names; /* one each */
} PlotPanel;

/* Panels in a grid, two in a row. Whole or untouched. A panel without points says "no data". */
Status plot_write(const char *path, const char *title, const PlotPanel *panels, int32_t n_panels);
/* The ticks of an axis: step 1, 2 or 5 times a power of ten, at most `most` of them inside [low, high]. */
void plot_ticks(double low, double high, int32_t most, double *first, double *step, int32_t *n);
