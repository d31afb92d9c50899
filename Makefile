# Everything starts here on a fresh Debian 12 or Ubuntu 24.04: each goal installs what is missing, builds, and does its job.
#   make           the program, build/release/lethe, and the tests
#   make demo      update 100 facts in a real model and see the proof
#   make laboratory   make people up, train two small models on their lives, see what each can be asked
#   make test      all tests
#   make bench     the timings of bench/, beside PyTorch's
#   make format    lay every C++ file out with clang-format 14
#   make install   into PREFIX (default /usr/local)
PREFIX ?= /usr/local

.PHONY: build program configure demo laboratory test bench format install

build: configure
	@cmake --build --preset release

program: configure
	@cmake --build --preset release --target lethe_program

configure:
	@tools/setup.sh
	@[ build/release/build.ninja -nt CMakePresets.json ] || cmake --preset release

demo: program
	@tools/demo.sh

laboratory: program
	@build/release/lethe study laboratory

test: build
	@ctest --preset release

bench: program
	@bench/run.sh

format:
	@tools/format.sh

install: program
	cmake --install build/release --prefix $(PREFIX)
