// A held lock: its token, its deadline, and what it needs to be released. Made before the first
// byte of an acquire is written, held by the guard, and alive without the manager, so that a
// release allocates nothing and a guard may outlive all it came from.
//
// Thread-safety: one thread at a time, like the guard that holds it.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/export.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock::detail {

class Core;

class Lease {
  public:
    // One allocation holds the lease, its key and its token. The parts are checked by the caller.
    [[nodiscard]] static std::unique_ptr<Lease> make(std::shared_ptr<Core> core, Backend& backend,
                                                     std::string_view key);
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() = default;

    static void operator delete(void* lease) noexcept { ::operator delete(lease); }

    // The key as the user wrote it, and as the backend knows it.
    [[nodiscard]] std::string_view key() const noexcept {
        return {text() + prefix_bytes_, static_cast<std::size_t>(key_bytes_ - prefix_bytes_)};
    }
    [[nodiscard]] std::string_view full_key() const noexcept { return {text(), key_bytes_}; }
    [[nodiscard]] std::string_view token() const noexcept {
        return {text() + key_bytes_, token_bytes_};
    }
    [[nodiscard]] std::uint64_t fencing_token() const noexcept { return fencing_token_; }

    // Until when it may be believed. By the clock alone: nobody need run for it to end.
    [[nodiscard]] LEASELOCK_EXPORT std::chrono::milliseconds remaining() const noexcept;
    [[nodiscard]] LEASELOCK_EXPORT bool held() const noexcept;

    void granted(std::uint64_t fencing_token, Clock::time_point sent, std::chrono::milliseconds ttl,
                 std::chrono::milliseconds min_hold) noexcept;

    // Blocks until the answer is there, at most the backend's command time-out. Once; later calls
    // answer `not_held`. `error` says why it is `unknown`, and is 0 otherwise.
    ReleaseResult release(Errc& error) noexcept;

  private:
    Lease(std::shared_ptr<Core> core, Backend& backend, std::string_view key) noexcept;
    static void* operator new(std::size_t size, std::size_t text_bytes) {
        return ::operator new(size + text_bytes);
    }
    static void operator delete(void* lease, std::size_t /*text_bytes*/) noexcept {
        ::operator delete(lease);
    }

    // Key and token lie behind one another, right behind the object.
    [[nodiscard]] const char* text() const noexcept {
        return reinterpret_cast<const char*>(this + 1);
    }
    [[nodiscard]] Clock::time_point now() const noexcept;
    [[nodiscard]] bool inherited() const noexcept;
    [[nodiscard]] ReleaseResult try_release(Errc& error) noexcept;

    std::shared_ptr<Core> core_;
    Backend* backend_;
    std::uint64_t fencing_token_ = 0;
    Clock::time_point deadline_{};
    Clock::time_point keep_until_{};
    bool held_ = false;
    unsigned made_in_;  // fork_count() then: a forked child holds nothing
    std::uint16_t prefix_bytes_;
    std::uint16_t key_bytes_;
    std::uint16_t token_bytes_;
};

}  // namespace leaselock::detail
