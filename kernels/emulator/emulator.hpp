// A card made of fibers: runs the kernels of cuda/*.cu on the CPU, for tests and sanitizers.
//
// The threads of a block are fibers of one host thread. A thread runs until it waits (a barrier or a warp collective) or
// ends; the last one to arrive lets the others go on. What a card leaves undefined is an error here: a barrier that some
// threads of the block do not reach, a warp collective that some lanes do not reach, threads that meet at different places.
#pragma once

#include <cstddef>

namespace emulator {

using u32 = unsigned int;
using u64 = unsigned long long;

// Where the running fiber stands in its grid.
struct Position {
    u32 thread, block, threads, blocks;
    void* shared;
};
extern __thread Position position __attribute__((tls_model("initial-exec")));
extern __thread u32 carry __attribute__((tls_model("initial-exec")));

// A call that waits for other threads: what it is and where it stands in the source.
struct Place {
    const char* what;
    const char* file;
    u32 line;
};

// Waits for all threads of the block.
void meet_block(Place place);
// Waits for the 32 lanes of the warp; returns what each of them brought.
const u64* meet_warp(Place place, u64 value);

// One entry of a module's launch table. `kinds` has a letter for each parameter: p(ointer), w(ord: 32 bits), d(ouble word).
struct Kernel {
    Kernel(Kernel** list, const char* name, u32 max_threads, const char* kinds, void (*call)(void* const* arguments))
        : name(name), max_threads(max_threads), kinds(kinds), call(call), next(*list) {
        *list = this;
    }
    const char* name;
    u32 max_threads;
    const char* kinds;
    void (*call)(void* const* arguments);
    const Kernel* next;
};

template <typename T> struct Kind;
template <typename T> struct Kind<T*> {
    static constexpr char letter = 'p';
};
template <> struct Kind<u32> {
    static constexpr char letter = 'w';
};
template <> struct Kind<u64> {
    static constexpr char letter = 'd';
};

// Unpacks the driver's array of argument addresses into the call of a kernel.
template <auto function> struct Entry;
template <typename... Parameters, void (*function)(Parameters...)> struct Entry<function> {
    static const char* kinds() {
        static const char letters[] = {Kind<Parameters>::letter..., 0};
        return letters;
    }
    template <size_t... indices> struct Indices {};
    template <size_t n, size_t... indices> struct Count : Count<n - 1, n - 1, indices...> {};
    template <size_t... indices> struct Count<0, indices...> {
        using Type = Indices<indices...>;
    };
    template <size_t... indices> static void unpack(void* const* arguments, Indices<indices...>) {
        function(*static_cast<Parameters*>(arguments[indices])...);
    }
    static void call(void* const* arguments) { unpack(arguments, typename Count<sizeof...(Parameters)>::Type()); }
};

} // namespace emulator
