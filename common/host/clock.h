#pragma once
/* Clock: monotonic time for intervals, wall time for stamps. */
#include <stdint.h>

int64_t clock_ms(void);    /* monotonic */
double clock_s(void);      /* monotonic */
double clock_wall_s(void); /* seconds since 1970 */
void clock_sleep_ms(int ms);
