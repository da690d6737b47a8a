// A libnvrtc that compiles nothing, for the tests of the driver layer: its image is a line that fake cuda.c takes. It says
// on stderr what it was asked for.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default"))) int

typedef struct {
    char name[64];
    int headers;
} Program;

API nvrtcVersion(int* major, int* minor) { return *major = 13, *minor = 0; }
API nvrtcGetNumSupportedArchs(int* count) { return *count = 3, 0; }
API nvrtcGetSupportedArchs(int* list) { return list[0] = 80, list[1] = 90, list[2] = 100, 0; }
API nvrtcCreateProgram(Program** program, const char* source, const char* name, int count, const char* const* headers,
                       const char* const* names) {
    *program = calloc(1, sizeof **program);
    snprintf((*program)->name, sizeof (*program)->name, "%s", name);
    for (int i = 0; i < count; i++) (*program)->headers += strcmp(names[i], "portable.hpp") == 0 && strlen(headers[i]) > 0;
    return strstr(source, "#include \"") ? 0 : 1;
}
API nvrtcDestroyProgram(Program** program) { return free(*program), 0; }
API nvrtcCompileProgram(Program* program, int count, const char* const* options) {
    fprintf(stderr, "fake nvrtc: %s %s\n", program->name, options[count - 1]);
    return program->headers == 1 && !getenv("FAKE_BAD_SOURCE") ? 0 : 6;
}
API nvrtcGetProgramLogSize(Program* program, size_t* size) { return *size = 15, program ? 0 : 1; }
API nvrtcGetProgramLog(Program* program, char* log) { return strcpy(log, "error: a typo\n"), program ? 0 : 1; }
API nvrtcGetCUBINSize(Program* program, size_t* size) { return *size = 11, program ? 0 : 1; }
API nvrtcGetCUBIN(Program* program, char* image) { return strcpy(image, "fake image"), program ? 0 : 1; }
API nvrtcGetPTXSize(Program* program, size_t* size) { return nvrtcGetCUBINSize(program, size); }
API nvrtcGetPTX(Program* program, char* image) { return nvrtcGetCUBIN(program, image); }
__attribute__((visibility("default"))) const char* nvrtcGetErrorString(int code) {
    return code == 6 ? "NVRTC_ERROR_COMPILATION" : "NVRTC_ERROR_FAKE";
}
