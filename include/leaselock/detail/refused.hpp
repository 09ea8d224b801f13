// LEASELOCK_REFUSED(advice) stands before a function that must not be called. A call does not
// compile, and the compiler says the advice within its first three lines; that on the line of a
// deleted function comes after the places of all headers. But traits take it for callable: where
// they have to say no, the function is deleted.
#pragma once

#if defined(__clang__)
#define LEASELOCK_REFUSED(advice)                                                         \
    _Pragma("clang diagnostic push") _Pragma("clang diagnostic ignored \"-Wgcc-compat\"") \
        __attribute__((diagnose_if(true, advice, "error"))) _Pragma("clang diagnostic pop")
#else
#define LEASELOCK_REFUSED(advice) __attribute__((unavailable(advice)))
#endif
