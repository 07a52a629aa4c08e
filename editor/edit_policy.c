/* Which policy cuts: weights that are given, a baseline that is named, weights that were shipped, else
 * retarget. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/host/file.h"
#include "editor/edit_work.h"

enum { MAX_POLICY_BYTES = 1 << 30 };

static bool shipped_policy(char path[PATH_BYTES]) {
    char self[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) return false;
    self[n] = 0;
    for (int k = 0; k < 2; k++) { /* bin/bandsaw-editor -> . */
        char *slash = strrchr(self, '/');
        if (!slash) return false;
        *slash = 0;
    }
    return path_join(path, self, "share/bandsaw/policy.safetensors") == BS_OK && file_exists(path);
}

Status edit_choose_policy(EditWork *w) {
    Status st = BS_OK;
    char shipped[PATH_BYTES];
    const char *weights = w->set.policy[0] ? w->set.policy : NULL;
    void *bytes = NULL;
    size_t n_bytes = 0;
    PolicyKind kind = POLICY_NET_BEST;
    const bool baseline = strcmp(w->set.baseline, "none") != 0;
    if (baseline && weights)
        return fail(BS_INVALID, "--policy and --baseline: which of the two should edit?");
    if (baseline) {
        TRY(policy_kind_named(&kind, w->set.baseline));
    } else if (!weights && shipped_policy(shipped)) {
        weights = shipped;
    } else if (!weights) {
        kind = POLICY_RETARGET;
        if (!w->set.quiet) puts("no trained policy given: editing with retarget");
    }
    if (weights) TRY(file_read(weights, MAX_POLICY_BYTES, &bytes, &n_bytes));
    st = policy_open(&w->policy, kind, bytes, n_bytes);
    if (st == BS_OK && weights && w->set.candidates > 1)
        st = policy_open(&w->sampler, POLICY_NET, bytes, n_bytes);
    if (st != BS_OK && weights) fail_in(st, "%s", weights);
    w->policy_name = policy_names[kind];
out:
    free(bytes);
    return st;
}
