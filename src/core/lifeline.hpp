// What keeps a Core alive for its leases, and the memory of the last one that a thread gave back,
// for its next one. While its manager is there they need only be counted, each in the part of the
// thread that made it, so that threads do not meet at one counter. When the manager ends, all parts
// together hold one share of the Core, until the last lease of the last part has gone. A lease that
// is made later has a share of its own.
//
// Thread-safety: all calls from all threads at once.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>

#include <leaselock/clock.hpp>
#include <leaselock/detail/origin.hpp>
#include <leaselock/detail/word_mutex.hpp>

#include "core/shard.hpp"

namespace leaselock::detail {

class Core;
class Runtime;

class Lifeline {
  public:
    struct Of {
        Runtime* runtime = nullptr;
        const Clock* clock = nullptr;
        Origin origin{};
        std::string_view owner{};
        std::uint64_t owner_number = 0;  // the Lifeline sees to that
    };
    class Part {
      public:
        Part() = default;
        Part(const Part&) = delete;
        Part& operator=(const Part&) = delete;
        ~Part() { ::operator delete(spare_); }

        [[nodiscard]] Runtime& runtime() const noexcept { return *of_.runtime; }
        // The runtime's.
        [[nodiscard]] const Clock& clock() const noexcept { return *of_.clock; }
        [[nodiscard]] const Origin& origin() const noexcept { return of_.origin; }
        // By whom its leases are held, and the number that this manager alone has.
        [[nodiscard]] std::string_view owner() const noexcept { return of_.owner; }
        [[nodiscard]] std::uint64_t owner_number() const noexcept { return of_.owner_number; }
        // Held while the token of one of its leases becomes text.
        [[nodiscard]] WordMutex& spelling() noexcept { return spelling_; }
        // Memory of a lease, for the calling thread, whose own_number() is `own`. May throw
        // bad_alloc.
        [[nodiscard]] void* allocate(std::size_t bytes, std::size_t own);
        void deallocate(void* memory, std::size_t bytes) noexcept;
        // One lease less: the Core, and this, may be gone when it returns.
        void drop() noexcept {
            if (leases_.fetch_sub(1, std::memory_order_acq_rel) == (ended | 1U)) last_one();
        }

      private:
        friend class Lifeline;

        // More than that is not given for less.
        static constexpr std::size_t most_waste = 64;
        static constexpr std::size_t nobody = SIZE_MAX;
        // The highest bit: its manager has ended.
        static constexpr std::uint64_t ended = std::uint64_t{1} << 63U;

        // False: it has ended.
        [[nodiscard]] bool add() noexcept;
        void last_one() noexcept;

        std::atomic<std::uint64_t> leases_{0};
        Of of_{};
        Lifeline* whole_ = nullptr;      // null: of one lease
        std::shared_ptr<Core> share_{};  // of that one
        // That thread's alone, by own_number(): what it has freed last.
        std::size_t thread_ = nobody;
        void* spare_ = nullptr;
        std::size_t spare_bytes_ = 0;
        WordMutex spelling_{};
    };

    explicit Lifeline(Of what) noexcept;
    Lifeline(const Lifeline&) = delete;
    Lifeline& operator=(const Lifeline&) = delete;
    ~Lifeline() = default;

    // One lease more, of the calling thread, whose own_number() is `own`; to be dropped once.
    // `self` has this object. May throw bad_alloc.
    [[nodiscard]] Part& add(const std::shared_ptr<Core>& self, std::size_t own);
    // The manager has ended. Again changes nothing.
    void end(std::shared_ptr<Core> self) noexcept;

  private:
    // On cache lines of its own.
    struct alignas(128) OwnLine {
        Part part;
    };

    void part_ended() noexcept;
    [[nodiscard]] static Part& single(const std::shared_ptr<Core>& self, const Part& own);

    std::array<OwnLine, shard_count> parts_{};
    std::atomic<std::size_t> open_{shard_count + 1};  // and end() itself
    std::atomic<bool> has_ended_{false};
    std::shared_ptr<Core> keeper_{};
};

}  // namespace leaselock::detail
