// A libcuda without a card, for the tests of the driver layer. It holds its caller to the rules of the real one: a context
// is current on the calling thread, handles are alive, everything is released at the end; and it does asynchronous work as
// late as it may. The one kernel it can run is add_word. FAKE_* variables choose its failures.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_READY = 600,
    ILLEGAL_ADDRESS = 700,
};
enum { CONTEXT, MODULE, STREAM, EVENT, MEMORY, HOST_MEMORY, KINDS };
static const char* kinds[KINDS] = {"contexts", "modules", "streams", "events", "device buffers", "host buffers"};

static long number(const char* name, long otherwise) {
    const char* text = getenv(name);
    return text ? atol(text) : otherwise;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread void* current;
static int initialized, alive[KINDS], faulted;
static size_t used_bytes;
static char contexts[2]; // their addresses are the handles

typedef struct Step {
    struct Step* next;
    void (*run)(struct Step*);
    uint64_t target, source;
    size_t size;
    uint32_t word;
    int* reached;
} Step;
static Step *first, **last = &first;

static void give(Step step) {
    Step* kept = malloc(sizeof *kept);
    *kept = step;
    kept->next = NULL;
    *last = kept;
    last = &kept->next;
}

static void work(void) {
    while (first) {
        Step* step = first;
        first = step->next;
        step->run(step);
        free(step);
    }
    last = &first;
}

__attribute__((destructor)) static void report(void) {
    for (int kind = 0; kind < KINDS; kind++)
        if (alive[kind] && !faulted) fprintf(stderr, "fake cuda: %d %s left\n", alive[kind], kinds[kind]);
    fprintf(stderr, "fake cuda: end\n");
}

#define API __attribute__((visibility("default"))) int
#define LOCKED                                                                                                         \
    __attribute__((cleanup(unlock))) pthread_mutex_t* held = &mutex;                                                   \
    pthread_mutex_lock(held)
#define IN_CONTEXT                                                                                                     \
    LOCKED;                                                                                                            \
    if (!current) return INVALID_CONTEXT;                                                                              \
    if (faulted) return ILLEGAL_ADDRESS
static void unlock(pthread_mutex_t** held) { pthread_mutex_unlock(*held); }

API cuDriverGetVersion(int* version) { return *version = (int)number("FAKE_VERSION", 13000), SUCCESS; }
API cuInit(unsigned flags) {
    if (flags || number("FAKE_NO_DEVICE", 0)) return NO_DEVICE;
    return initialized = 1, SUCCESS;
}
API cuGetErrorName(int code, const char** text) {
    return *text = code == ILLEGAL_ADDRESS ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_FAKE", SUCCESS;
}
API cuGetErrorString(int code, const char** text) {
    static __thread char words[32];
    snprintf(words, sizeof words, "fake error %d", code);
    return *text = words, SUCCESS;
}
API cuDeviceGetCount(int* count) {
    if (!initialized) return NOT_INITIALIZED;
    return *count = (int)number("FAKE_CARDS", 2), SUCCESS;
}
API cuDeviceGet(int* device, int ordinal) { return *device = ordinal, initialized ? SUCCESS : NOT_INITIALIZED; }
API cuDeviceGetName(char* name, int size, int device) { return snprintf(name, (size_t)size, "Fake %d", device), SUCCESS; }
API cuDeviceGetUuid_v2(char* uuid, int device) { return memset(uuid, 0x10 + device, 16), SUCCESS; }
API cuDeviceTotalMem_v2(size_t* bytes, int device) { return *bytes = 1 << 20, device < 2 ? SUCCESS : INVALID_VALUE; }
API cuDeviceGetAttribute(int* value, int attribute, int device) {
    long capability = number("FAKE_CAPABILITY", 90);
    if (attribute == 75) *value = (int)capability / 10;
    else if (attribute == 76) *value = (int)capability % 10;
    else if (attribute == 16) *value = 132;
    else if (attribute == 97) *value = 227 << 10;
    else return INVALID_VALUE;
    return device < 2 ? SUCCESS : INVALID_VALUE;
}

API cuDevicePrimaryCtxSetFlags_v2(int device, unsigned flags) { return device < 2 && flags == 20 ? SUCCESS : INVALID_VALUE; }
API cuDevicePrimaryCtxRetain(void** context, int device) {
    LOCKED;
    return alive[CONTEXT]++, *context = &contexts[device], SUCCESS;
}
API cuDevicePrimaryCtxRelease_v2(int device) {
    LOCKED;
    work();
    return alive[CONTEXT]-- > 0 && device < 2 ? SUCCESS : INVALID_CONTEXT;
}
API cuCtxSetCurrent(void* context) { return current = context, alive[CONTEXT] > 0 ? SUCCESS : INVALID_CONTEXT; }
API cuCtxSynchronize(void) {
    IN_CONTEXT;
    work();
    return faulted ? ILLEGAL_ADDRESS : SUCCESS;
}
API cuCtxGetStreamPriorityRange(int* least, int* greatest) {
    IN_CONTEXT;
    return *least = 0, *greatest = -5, SUCCESS;
}

API cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
    IN_CONTEXT;
    return *total = 1 << 20, *free_bytes = *total - used_bytes, SUCCESS;
}
// The size stands in front of the memory.
API cuMemAlloc_v2(uint64_t* address, size_t size) {
    IN_CONTEXT;
    if (size == 0) return INVALID_VALUE;
    if (used_bytes + size > 1 << 20) return OUT_OF_MEMORY;
    char* memory = aligned_alloc(256, 256 + (size + 255) / 256 * 256);
    *(size_t*)memory = size;
    return used_bytes += size, alive[MEMORY]++, *address = (uint64_t)memory + 256, SUCCESS;
}
API cuMemFree_v2(uint64_t address) {
    IN_CONTEXT;
    if (first) fprintf(stderr, "fake cuda: device memory goes before the work that may use it\n");
    char* memory = (char*)address - 256;
    used_bytes -= *(size_t*)memory;
    free(memory);
    return alive[MEMORY]--, SUCCESS;
}
API cuMemHostAlloc(void** address, size_t size, unsigned flags) {
    IN_CONTEXT;
    if (size == 0 || flags) return INVALID_VALUE;
    if (size > 1 << 20) return OUT_OF_MEMORY;
    *address = aligned_alloc(256, (size + 255) / 256 * 256);
    memset(*address, 0xa5, size);
    return alive[HOST_MEMORY]++, SUCCESS;
}
API cuMemFreeHost(void* address) {
    IN_CONTEXT;
    if (first) fprintf(stderr, "fake cuda: host memory goes before the work that may use it\n");
    free(address);
    return alive[HOST_MEMORY]--, SUCCESS;
}

static void run_copy(Step* step) { memcpy((void*)step->target, (void*)step->source, step->size); }
static void run_fill(Step* step) { memset((void*)step->target, (int)step->word, step->size); }
static void run_add(Step* step) {
    for (size_t i = 0; i < step->size; i++) ((uint32_t*)step->target)[i] = ((uint32_t*)step->source)[i] + step->word;
}
static void run_record(Step* step) { *step->reached = 1; }
static void run_fault(Step* step) { faulted = step != NULL; }

static int copy(uint64_t target, uint64_t source, size_t size, void* stream) {
    IN_CONTEXT;
    if (!stream || size == 0) return INVALID_HANDLE;
    return give((Step){.run = run_copy, .target = target, .source = source, .size = size}), SUCCESS;
}
API cuMemcpyHtoDAsync_v2(uint64_t to, const void* from, size_t size, void* stream) {
    return copy(to, (uint64_t)from, size, stream);
}
API cuMemcpyDtoHAsync_v2(void* to, uint64_t from, size_t size, void* stream) {
    return copy((uint64_t)to, from, size, stream);
}
API cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t size, void* stream) { return copy(to, from, size, stream); }
API cuMemsetD8Async(uint64_t target, unsigned char value, size_t size, void* stream) {
    IN_CONTEXT;
    if (!stream || size == 0) return INVALID_HANDLE;
    return give((Step){.run = run_fill, .target = target, .word = value, .size = size}), SUCCESS;
}

API cuStreamCreateWithPriority(void** stream, unsigned flags, int priority) {
    IN_CONTEXT;
    if (flags != 1 || (priority != 0 && priority != -5)) return INVALID_VALUE;
    return alive[STREAM]++, *stream = malloc(1), SUCCESS;
}
API cuStreamDestroy_v2(void* stream) {
    IN_CONTEXT;
    return free(stream), alive[STREAM]--, SUCCESS;
}
API cuStreamSynchronize(void* stream) {
    IN_CONTEXT;
    work();
    return !stream ? INVALID_HANDLE : faulted ? ILLEGAL_ADDRESS : SUCCESS;
}
API cuStreamWaitEvent(void* stream, void* event, unsigned flags) {
    IN_CONTEXT;
    return stream && event && !flags ? SUCCESS : INVALID_HANDLE;
}
// An event is an int that becomes 1; a destroyed one stays, for the step that may still reach it.
API cuEventCreate(void** event, unsigned flags) {
    IN_CONTEXT;
    if (flags != 3) return INVALID_VALUE;
    return alive[EVENT]++, *event = calloc(1, sizeof(int)), SUCCESS;
}
API cuEventDestroy_v2(void* event) {
    IN_CONTEXT;
    return alive[EVENT]--, event ? SUCCESS : INVALID_HANDLE;
}
API cuEventRecord(void* event, void* stream) {
    IN_CONTEXT;
    if (!event || !stream) return INVALID_HANDLE;
    return give((Step){.run = run_record, .reached = event}), SUCCESS;
}
API cuEventQuery(void* event) {
    IN_CONTEXT;
    return *(int*)event ? SUCCESS : NOT_READY;
}
API cuEventSynchronize(void* event) {
    IN_CONTEXT;
    work();
    return faulted ? ILLEGAL_ADDRESS : *(int*)event ? SUCCESS : INVALID_HANDLE;
}

typedef struct {
    char name[64];
    unsigned shared_bytes;
} Function;
API cuModuleLoadData(void** module, const void* image) {
    IN_CONTEXT;
    if (number("FAKE_BAD_IMAGE", 0) || strncmp(image, "fake image", 10) != 0) return NO_BINARY_FOR_GPU;
    return alive[MODULE]++, *module = malloc(1), SUCCESS;
}
API cuModuleUnload(void* module) {
    IN_CONTEXT;
    if (first) fprintf(stderr, "fake cuda: a module goes before the work that may use it\n");
    return free(module), alive[MODULE]--, SUCCESS;
}
API cuModuleGetFunction(void** function, void* module, const char* name) {
    IN_CONTEXT;
    if (!module || strcmp(name, "no_such") == 0) return NOT_FOUND;
    Function* made = calloc(1, sizeof *made);
    snprintf(made->name, sizeof made->name, "%s", name);
    return made->shared_bytes = 48 << 10, *function = made, SUCCESS;
}
API cuFuncSetAttribute(Function* function, int attribute, int value) {
    IN_CONTEXT;
    if (attribute == 8 && value <= 227 << 10) return function->shared_bytes = (unsigned)value, SUCCESS;
    return attribute == 9 && value == 100 ? SUCCESS : INVALID_VALUE;
}
API cuLaunchKernel(Function* function, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned threads_y,
                   unsigned threads_z, unsigned shared_bytes, void* stream, void** parameters, void** extra) {
    IN_CONTEXT;
    if (!stream || !x || y * z * threads_y * threads_z != 1 || !threads || extra || shared_bytes > function->shared_bytes)
        return INVALID_VALUE;
    if (number("FAKE_FAULT", 0)) give((Step){.run = run_fault});
    if (strcmp(function->name, "add_word") != 0) return SUCCESS;
    Step step = {.run = run_add, .source = *(uint64_t*)parameters[0], .word = *(uint32_t*)parameters[1]};
    step.target = *(uint64_t*)parameters[2], step.size = *(uint64_t*)parameters[3];
    return give(step), SUCCESS;
}
