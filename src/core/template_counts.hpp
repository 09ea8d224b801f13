// What is counted of the locks of each key template, in as many parts as the hold table has shards:
// a part is guarded by the mutex of its shard. Beside them the first threads of a process have
// parts of their own. The number of templates is bounded, so that a text with values in it, by
// mistake, costs no more than that; what comes beyond counts as `other_templates`, and so does what
// cannot be a label.
//
// Thread-safety: of() and for_each() from all threads at once.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/observer.hpp>

#include "core/shard.hpp"

namespace leaselock::detail {

// Of leases that were granted at once: counted by one thread, which takes no mutex for it, and read
// by all.
class alignas(128) OwnCounts {
  public:
    void granted() noexcept { add(granted_, 1); }
    // Of one that a thread, not always the same, has granted: released, or found to be lost by
    // that.
    void ended(std::chrono::nanoseconds held, bool lost) noexcept;

    void add_to(LockStats& stats) const noexcept;

  private:
    using Number = std::atomic<std::uint64_t>;
    static void add(Number& number, std::uint64_t more) noexcept {
        number.store(number.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
    }

    Number granted_{0};
    Number lost_{0};
    Number held_ns_{0};
    std::array<Number, Histogram::size> ended_{};  // by how long they were held
};

struct TemplateCounts {
    // On cache lines of its own.
    struct alignas(128) Part {
        LockStats stats;
    };

    const std::string key_template;
    std::array<Part, shard_count> parts{};
    std::array<OwnCounts, shard_count> own{};  // by own_number(), which is below that
};

class TemplateTable {
  public:
    TemplateTable() = default;
    TemplateTable(const TemplateTable&) = delete;
    TemplateTable& operator=(const TemplateTable&) = delete;
    ~TemplateTable();

    // Lives as long as the table. Takes no lock, and does not allocate, for a template that was
    // seen before. May throw bad_alloc.
    [[nodiscard]] TemplateCounts& of(std::string_view key_template);
    // All there are, first that of no template.
    void for_each(const std::function<void(TemplateCounts&)>& visit);

  private:
    using Slot = std::atomic<TemplateCounts*>;

    // Its own, or the one that it may have.
    [[nodiscard]] Slot& slot_of(std::string_view key_template) noexcept;
    [[nodiscard]] TemplateCounts& add(std::string_view key_template);

    TemplateCounts none_{{}};
    TemplateCounts other_{std::string{other_templates}};
    Mutex mutex_;  // held to add one
    std::atomic<std::size_t> count_{0};
    // By hash, and then the next; half of them stay empty.
    std::array<Slot, 2 * max_templates> slots_{};
};

}  // namespace leaselock::detail
