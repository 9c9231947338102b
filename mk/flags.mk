# Compilers, flags and libraries. MODE selects one of the builds:
#   release   build/release, bin/        what users run
#   asan      build/asan, bin-asan/      AddressSanitizer, UBSan, leak detection: what tests run
#   fuzz      build/fuzz              the same by clang, for libFuzzer: what make fuzz runs

MODE ?= release
ifeq ($(MODE),fuzz)
CC = clang
CXX = clang++
else
CC = gcc
CXX = g++
endif
PYTHON ?= /usr/bin/python3

PKGS := hiredis libevent_core libevent_extra libevent_pthreads libpq json-c uuid yaml-0.1 \
        libcrypto re2 zlib libedit
TEST_PKGS := cmocka

WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wvla -Wswitch-enum -Wpointer-arith \
            -Wcast-qual -Wundef
C_WARNINGS := $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes
CXX_WARNINGS := $(filter-out -Wswitch-enum,$(WARNINGS))

# A new compiler's new warning must not stop a user's build; ours must stop at every one.
ifneq ($(filter true 1,$(CI) $(WERROR)),)
WERROR_FLAG := -Werror
endif

MODE_FLAGS_release := -O2 -g -fstack-protector-strong -D_FORTIFY_SOURCE=2
MODE_FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
                   -fno-sanitize-recover=undefined
MODE_FLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                   -fno-sanitize-recover=undefined
BIN_release := bin
BIN_asan := bin-asan
BIN_fuzz := bin-fuzz

ifndef MODE_FLAGS_$(MODE)
$(error MODE is $(MODE); known are: release asan fuzz)
endif

# -isystem, since the headers of others are not held to our warnings. Silent here: when a package
# is missing, the check-deps target says so in words.
PKG_CFLAGS := $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS) 2>/dev/null))
PKG_LIBS := $(shell pkg-config --libs $(PKGS) 2>/dev/null) -lpthread -lm
TEST_LIBS := $(shell pkg-config --libs $(TEST_PKGS) 2>/dev/null || echo -lcmocka)

CPPFLAGS += -Ilib $(PKG_CFLAGS)
# _GNU_SOURCE is empty rather than 1, so that it equals a plain #define in a file; g++ has its own.
C_FLAGS := -std=gnu17 -D_GNU_SOURCE= $(MODE_FLAGS_$(MODE)) $(C_WARNINGS) $(WERROR_FLAG) $(CFLAGS)
CXX_FLAGS := -std=gnu++17 $(MODE_FLAGS_$(MODE)) $(CXX_WARNINGS) $(WERROR_FLAG) $(CXXFLAGS)
# A program is linked with what it uses.
LINK_FLAGS := $(MODE_FLAGS_$(MODE)) -Wl,--as-needed $(LDFLAGS)

# troupe-jq's; see the Makefile.
JQ_C_FLAGS := -std=gnu17 -D_GNU_SOURCE= $(MODE_FLAGS_release) $(C_WARNINGS) $(WERROR_FLAG) $(CFLAGS)
JQ_LINK_FLAGS := $(MODE_FLAGS_release) -Wl,-z,now $(LDFLAGS)
JQ_LIBS := -ljq -lseccomp -lm
