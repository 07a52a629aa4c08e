#!/usr/bin/env bash
# Checks every include of the tree at ROOT (default: here) against layers.txt, and that folders have no cycle.
# Prints one line a break; exits 1 when there is any.
set -u
cd "${1:-.}" || exit 2
find common featurizer simulator actor learner editor feedback cli python -name '*.[ch]' 2>/dev/null | sort |
  xargs grep -HnE '^[[:space:]]*#[[:space:]]*include' /dev/null |
  awk -v layers=layers.txt '
    function trim(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
    function folder_of(path,   f) { # the longest row that holds the path
        for (f = path; sub(/\/[^\/]*$/, "", f); ) if (f in may) return f
        return ""
    }
    function visit(f,   parts, n, i) {
        if (state[f] == 2) return
        if (state[f] == 1) { print "layers.txt: a cycle runs through " f; bad = 1; return }
        state[f] = 1
        n = split(may[f], parts, " ")
        for (i = 1; i <= n; i++) if (parts[i] in may) visit(parts[i])
        state[f] = 2
    }
    BEGIN {
        libc = " assert.h ctype.h dirent.h dlfcn.h errno.h fcntl.h float.h getopt.h immintrin.h inttypes.h limits.h math.h netdb.h nmmintrin.h poll.h pthread.h pwd.h sched.h semaphore.h signal.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h termios.h time.h unistd.h arpa/inet.h netinet/in.h netinet/tcp.h sys/eventfd.h sys/file.h sys/ioctl.h sys/mman.h sys/prctl.h sys/random.h sys/resource.h sys/socket.h sys/stat.h sys/statfs.h sys/time.h sys/types.h sys/uio.h sys/un.h sys/utsname.h sys/vfs.h sys/wait.h linux/magic.h "
        while ((getline line < layers) > 0) {
            if (line ~ /^#/ || line !~ /:/) continue
            split(line, col, ":"); f = trim(col[1])
            may[f] = trim(col[2]); foreign[f] = " " trim(col[3]) " "
        }
        for (f in may) {
            n = split(may[f], parts, " ")
            for (i = 1; i <= n; i++) if (parts[i] != "-" && !(parts[i] in may)) { print "layers.txt: " f " names " parts[i] ", which has no row"; bad = 1 }
            visit(f)
        }
    }
    {
        split($0, at, ":"); file = at[1]; line_no = at[2]
        folder = folder_of(file)
        if (folder == "") { print file ":" line_no ": this folder has no row in layers.txt"; bad = 1; next }
        if (match($0, /"[^"]+"/)) {
            name = substr($0, RSTART + 1, RLENGTH - 2)
            target = folder_of(name)
            if (target == "") { print file ":" line_no ": \"" name "\" is not written from the root"; bad = 1; next }
            if (target == folder || target == "common/core") next
            if (index(" " may[folder] " ", " " target " ") == 0) { print file ":" line_no ": " folder " may not include " target " (" name ")"; bad = 1 }
        } else if (match($0, /<[^>]+>/)) {
            name = substr($0, RSTART + 1, RLENGTH - 2)
            if (index(libc, " " name " ") || index(foreign[folder], " " name " ")) {
                if (file ~ /\.h$/ && index(foreign[folder], " " name " ")) { print file ":" line_no ": a header includes the third-party <" name ">"; bad = 1 }
                next
            }
            print file ":" line_no ": " folder " may not include <" name ">"; bad = 1
        }
    }
    END { exit bad }
  '
