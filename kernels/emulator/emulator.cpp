#include "emulator.hpp"

#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <atomic>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif
#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emulator {

__thread Position position;
__thread u32 carry;

namespace {

constexpr u32 warp_threads = 32;
constexpr unsigned char poison = 0xa5;
#ifdef WITH_ASAN
constexpr size_t stack_bytes = 1 << 20;
#else
constexpr size_t stack_bytes = 256 << 10;
#endif
constexpr size_t guard_bytes = 64 << 10;

// A place to run: the scheduler's own stack, or that of a fiber.
struct Context {
    ucontext_t begin;
    jmp_buf resume;
    bool begun = false;
    const void* stack = nullptr;
    size_t stack_size = 0;
    void* fake_stack = nullptr;
};

// Leaves `from` and goes on in `to`. Contexts of the system (system calls, and sanitizers that clear a whole stack at each
// switch) serve only the first entry.
void transfer(Context& from, Context& to) {
#ifdef WITH_ASAN
    __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_size);
#endif
    if (_setjmp(from.resume) == 0) {
        if (to.begun) _longjmp(to.resume, 1);
        to.begun = true;
        setcontext(&to.begin);
    }
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

struct Fiber {
    Context context;
    u32 thread = 0;
    void* mapping;

    Fiber() {
        mapping = mmap(nullptr, guard_bytes + stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapping == MAP_FAILED || mprotect(mapping, guard_bytes, PROT_NONE) != 0) {
            fprintf(stderr, "emulator: no memory for the stack of a fiber\n");
            abort();
        }
        context.stack = static_cast<char*>(mapping) + guard_bytes;
        context.stack_size = stack_bytes;
    }
    Fiber(const Fiber&) = delete;
    ~Fiber() {
        unpoison();
        munmap(mapping, guard_bytes + stack_bytes);
    }
    // A stack left in the middle of a kernel still has the sanitizer's marks of its frames.
    void unpoison() {
#ifdef WITH_ASAN
        ASAN_UNPOISON_MEMORY_REGION(context.stack, context.stack_size);
#endif
    }
};

enum class State : unsigned char { fresh, running, at_barrier, at_warp, ended };

struct Thread {
    State state = State::fresh;
    Fiber* fiber = nullptr;
    Place place = {};
    u32 meetings = 0; // warp collectives so far: their parity picks the buffer
};

struct Warp {
    u32 waiting = 0;
    Place place = {};
    u64 values[2][warp_threads];
};

struct Launch {
    const Kernel* kernel;
    void* const* arguments;
    u32 blocks, threads, shared_bytes;
    u64 seed;
};

u64 next_random(u64& state) { // splitmix64
    u64 z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

std::vector<u32> order_of(u32 count, u64 seed) {
    std::vector<u32> order(count);
    std::iota(order.begin(), order.end(), 0u);
    if (seed == 0) return order;
    for (u32 i = count; i > 1; i--) std::swap(order[i - 1], order[next_random(seed) % i]);
    return order;
}

bool same(const Place& a, const Place& b) {
    return a.line == b.line && strcmp(a.what, b.what) == 0 && strcmp(a.file, b.file) == 0;
}

// Runs one block after another; keeps its fibers.
class Block {
  public:
    // Returns what went wrong, empty if nothing did.
    std::string run(const Launch& launch, u32 block);
    void meet_block(Place place);
    const u64* meet_warp(Place place, u64 value);

  private:
    static void fiber_main();
    void run_fresh_threads(Fiber& fiber);
    void resume(Fiber& fiber);
    void wait(State state, Place place);
    void release(u32 thread);
    void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));
    void begin(Fiber& fiber);
    Fiber& take_fiber();
    void explain_deadlock();
    std::string where() const;

    const Launch* launch = nullptr;
    Position base = {};
    Context scheduler;
    std::vector<std::unique_ptr<Fiber>> fibers;
    std::vector<Fiber*> idle;
    Fiber* running = nullptr;
    std::vector<Thread> threads;
    std::vector<Warp> warps;
    std::vector<u32> order;
    std::vector<u32> ready; // a queue: [head, size)
    size_t ready_head = 0;
    u32 started = 0, ended = 0, at_barrier = 0;
    Place barrier_place = {};
    std::string error;
};

thread_local Block* current_block;

__attribute__((noinline)) Block& current() { return *current_block; }

void Block::fiber_main() {
    Block& block = current();
#ifdef WITH_ASAN
    __sanitizer_finish_switch_fiber(nullptr, &block.scheduler.stack, &block.scheduler.stack_size);
#endif
    Fiber& fiber = *block.running;
    while (true) {
        block.run_fresh_threads(fiber);
        block.idle.push_back(&fiber);
        transfer(fiber.context, block.scheduler);
    }
}

// A thread that never waits ends here and leaves its fiber to the next one: most kernels need a single fiber.
void Block::run_fresh_threads(Fiber& fiber) {
    while (started < base.threads) {
        fiber.thread = order[started++];
        Thread& thread = threads[fiber.thread];
        thread.fiber = &fiber;
        thread.state = State::running;
        position = base;
        position.thread = fiber.thread;
        launch->kernel->call(launch->arguments);
        thread.state = State::ended;
        ended++;
    }
}

void Block::resume(Fiber& fiber) {
    running = &fiber;
    position = base;
    position.thread = fiber.thread;
    transfer(scheduler, fiber.context);
}

void Block::wait(State state, Place place) {
    Fiber& fiber = *running;
    Thread& thread = threads[fiber.thread];
    thread.state = state;
    thread.place = place;
    transfer(fiber.context, scheduler);
}

void Block::release(u32 thread) {
    if (threads[thread].state != State::at_barrier && threads[thread].state != State::at_warp) return;
    threads[thread].state = State::running;
    ready.push_back(thread);
}

void Block::fail(const char* format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (error.empty()) error = where() + text;
}

std::string Block::where() const {
    char text[64];
    snprintf(text, sizeof text, "block %u of %u: ", base.block, base.blocks);
    return text;
}

void Block::meet_block(Place place) {
    u32 self = running->thread;
    if (at_barrier == 0) barrier_place = place;
    if (!same(place, barrier_place)) {
        fail("thread %u waits at the barrier of %s:%u while others wait at that of %s:%u", self, place.file, place.line,
             barrier_place.file, barrier_place.line);
        return wait(State::at_barrier, place);
    }
    if (++at_barrier < base.threads) return wait(State::at_barrier, place);
    at_barrier = 0;
    for (u32 thread : order) release(thread);
}

const u64* Block::meet_warp(Place place, u64 value) {
    u32 self = running->thread;
    Thread& thread = threads[self];
    Warp& warp = warps[self / warp_threads];
    u64* values = warp.values[thread.meetings++ % 2];
    values[self % warp_threads] = value;
    if (warp.waiting == 0) warp.place = place;
    if (!same(place, warp.place)) {
        fail("lanes of warp %u wait at %s of %s:%u and at %s of %s:%u", self / warp_threads, place.what, place.file,
             place.line, warp.place.what, warp.place.file, warp.place.line);
        wait(State::at_warp, place);
    }
    if (++warp.waiting < warp_threads) {
        wait(State::at_warp, place);
        return values;
    }
    warp.waiting = 0;
    u32 first = self / warp_threads * warp_threads;
    for (u32 thread : order)
        if (thread - first < warp_threads) release(thread);
    return values;
}

void Block::begin(Fiber& fiber) {
    getcontext(&fiber.context.begin);
    fiber.context.begin.uc_stack.ss_sp = const_cast<void*>(fiber.context.stack);
    fiber.context.begin.uc_stack.ss_size = fiber.context.stack_size;
    fiber.context.begin.uc_link = nullptr;
    fiber.context.begun = false;
    fiber.context.fake_stack = nullptr;
    makecontext(&fiber.context.begin, &Block::fiber_main, 0);
}

// The fibers [0, used) of this block have begun in it; an idle one waits for the next fresh thread.
Fiber& Block::take_fiber() {
    if (!idle.empty()) {
        Fiber* fiber = idle.back();
        idle.pop_back();
        return *fiber;
    }
    fibers.push_back(std::make_unique<Fiber>());
    begin(*fibers.back());
    return *fibers.back();
}

void Block::explain_deadlock() {
    for (const Thread& thread : threads) {
        if (thread.state != State::at_barrier && thread.state != State::at_warp) continue;
        u32 index = (u32)(&thread - threads.data());
        u32 missing = thread.state == State::at_warp ? warp_threads - warps[index / warp_threads].waiting
                                                     : base.threads - at_barrier;
        return fail("divergent %s: thread %u waits at %s:%u for %u threads that do not come", thread.place.what, index,
                    thread.place.file, thread.place.line, missing);
    }
}

std::string Block::run(const Launch& the_launch, u32 block) {
    launch = &the_launch;
    std::unique_ptr<void, void (*)(void*)> shared(nullptr, free);
    void* memory = nullptr;
    if (launch->shared_bytes != 0) {
        if (posix_memalign(&memory, 128, launch->shared_bytes) != 0) return "no memory for shared memory";
        memset(memory, poison, launch->shared_bytes);
        shared.reset(memory);
    }
    base = {0, block, launch->threads, launch->blocks, memory};
    threads.assign(base.threads, Thread());
    warps.assign((base.threads + warp_threads - 1) / warp_threads, Warp());
    order = order_of(base.threads, launch->seed == 0 ? 0 : launch->seed * 0x10001 + block);
    ready.clear();
    ready_head = started = ended = at_barrier = 0;
    error.clear();
    idle.clear();
    for (auto& fiber : fibers) {
        begin(*fiber); // the last block may have been run by another host thread, or have been given up
        idle.push_back(fiber.get());
    }
    scheduler.begun = true; // it is left before it is entered
    current_block = this;
    while (error.empty()) {
        if (ready_head < ready.size()) {
            u32 thread = ready[ready_head++];
            resume(*threads[thread].fiber);
            if (ready_head == ready.size()) ready.clear(), ready_head = 0;
        } else if (started < base.threads) {
            resume(take_fiber());
        } else {
            break;
        }
    }
    if (error.empty() && ended < base.threads) explain_deadlock();
    if (!error.empty())
        for (auto& fiber : fibers) fiber->unpoison();
    return error;
}

// Blocks wait here between launches.
std::mutex pool_mutex;
std::vector<std::unique_ptr<Block>> pool;

std::unique_ptr<Block> take_block() {
    std::lock_guard<std::mutex> lock(pool_mutex);
    if (pool.empty()) return std::make_unique<Block>();
    std::unique_ptr<Block> block = std::move(pool.back());
    pool.pop_back();
    return block;
}

void give_block(std::unique_ptr<Block> block) {
    std::lock_guard<std::mutex> lock(pool_mutex);
    pool.push_back(std::move(block));
}

// Runs the whole grid on `host_threads` threads of the host; returns the first error.
std::string run_grid(const Launch& launch, u32 host_threads) {
    std::vector<u32> order = order_of(launch.blocks, launch.seed);
    std::atomic<u32> next{0};
    std::atomic<bool> failed{false};
    std::mutex error_mutex;
    std::string error;
    auto work = [&] {
        std::unique_ptr<Block> runner = take_block();
        for (u32 i; !failed && (i = next++) < launch.blocks;) {
            std::string one = runner->run(launch, order[i]);
            if (one.empty()) continue;
            std::lock_guard<std::mutex> lock(error_mutex);
            if (!failed.exchange(true)) error = one;
        }
        give_block(std::move(runner));
    };
    std::vector<std::thread> helpers;
    for (u32 i = 1; i < host_threads && i < launch.blocks; i++) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
    return error;
}

int answer(char* buffer, size_t size, const std::string& text) {
    snprintf(buffer, size, "%s", text.c_str());
    return text.empty() ? 0 : 1;
}

} // namespace

void meet_block(Place place) { current().meet_block(place); }
const u64* meet_warp(Place place, u64 value) { return current().meet_warp(place, value); }

struct Module {
    const char* name;
    const Kernel* (*kernels)();
};

} // namespace emulator

// Written by the build: every module of cuda/, ended by a null name.
extern "C" const emulator::Module trifold_emulator_modules[];

// Runs a kernel to its end. `kinds` are the letters of the given arguments (see Kernel). Returns 0, or 1 with the reason in
// `error`.
extern "C" int trifold_emulator_launch(const char* module, const char* name, emulator::u32 blocks, emulator::u32 threads,
                                       emulator::u32 shared_bytes, void* const* arguments, const char* kinds,
                                       emulator::u32 host_threads, emulator::u64 seed, char* error, size_t error_size) {
    using namespace emulator;
    const Module* found = trifold_emulator_modules;
    while (found->name != nullptr && strcmp(found->name, module) != 0) found++;
    const Kernel* kernel = found->name == nullptr ? nullptr : found->kernels();
    while (kernel != nullptr && strcmp(kernel->name, name) != 0) kernel = kernel->next;
    if (kernel == nullptr) return answer(error, error_size, "there is no such kernel");
    if (strcmp(kernel->kinds, kinds) != 0)
        return answer(error, error_size,
                      "the arguments are \"" + std::string(kinds) + "\", the parameters \"" + kernel->kinds +
                          "\" (p pointer, w 32 bits, d 64 bits)");
    if (threads > kernel->max_threads)
        return answer(error, error_size,
                      std::to_string(threads) + " threads a block, bound to " + std::to_string(kernel->max_threads));
    return answer(error, error_size, run_grid({kernel, arguments, blocks, threads, shared_bytes, seed}, host_threads));
}
