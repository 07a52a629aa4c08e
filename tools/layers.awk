# Reads layers.txt and prints, for the folders in WANT (space separated), either
#   mode=folders : the folders they reach through "may include", users first
#   mode=pkgs    : the pkg-config packages those folders need
function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
function visit(f,   parts, n, i) {
    if (f in seen || !(f in may)) return
    seen[f] = 1
    n = split(may[f], parts, " ")
    for (i = 1; i <= n; i++) if (parts[i] != "-") visit(parts[i])
    visit("common/core")
    post[++n_post] = f
}
/^#/ || NF == 0 { next }
{ split($0, col, ":"); f = trim(col[1]); may[f] = trim(col[2]); pkg[f] = trim(col[4]) }
END {
    n = split(WANT, want, " ")
    for (i = 1; i <= n; i++) visit(want[i])
    for (i = n_post; i >= 1; i--) {
        if (mode == "folders") out = out post[i] " "
        else if (pkg[post[i]] != "-") out = out pkg[post[i]] " "
    }
    print out
}
