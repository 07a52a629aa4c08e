#pragma once
/* The flaw model: a small network with committed weights, see flaw.h. */

/* Expected severity 0..1 from FLAW_INPUTS numbers. */
float flaw_model(const float *inputs);
