"""The C environment as one extension. Its sources are the repository's own, through the links under common/; an
sdist carries copies of them."""
import glob
import subprocess
import sys

from setuptools import Extension, setup


def libraries() -> dict[str, list[str]]:
    """Flags of libsodium and libxxhash, which name Songs by their bytes."""
    needed = ["libsodium", "libxxhash"]
    try:
        words = subprocess.run(["pkg-config", "--cflags", "--libs", *needed], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit("bandsaw: libsodium and libxxhash are missing: apt-get install pkg-config libsodium-dev libxxhash-dev")
    flags = words.stdout.split()
    return {
        "extra_compile_args": [f for f in flags if f.startswith("-I")],
        "extra_link_args": [f for f in flags if not f.startswith("-I")],
    }


found = libraries()
setup(
    ext_modules=[
        Extension(
            "bandsaw._env",
            sources=["src/module.c"] + sorted(f for d in ("core", "song", "env") for f in glob.glob(f"common/{d}/*.c")),
            depends=glob.glob("common/*/*.h") + glob.glob("common/*/*.def"),
            include_dirs=["."],
            extra_compile_args=["-std=c11", "-D_GNU_SOURCE", "-O2", "-march=x86-64-v3", "-ffp-contract=off",
                                "-fno-math-errno", "-fvisibility=hidden", *found["extra_compile_args"]],
            extra_link_args=found["extra_link_args"] + ["-lm", "-lpthread"],
        )
    ]
)
