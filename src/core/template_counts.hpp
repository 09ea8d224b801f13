// What is counted of the locks of each key template, in as many parts as the hold table has shards:
// a part is guarded by the mutex of its shard. The number of templates is bounded, so that a text
// with values in it, by mistake, costs no more than that; what comes beyond counts as
// `other_templates`, and so does what cannot be a label.
//
// Thread-safety: of() and for_each() from all threads at once.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include <leaselock/detail/thread_annotations.hpp>
#include <leaselock/observer.hpp>

#include "core/shard.hpp"

namespace leaselock::detail {

struct TemplateCounts {
    // On cache lines of its own.
    struct alignas(128) Part {
        LockStats stats;
    };

    const std::string key_template;
    std::array<Part, shard_count> parts{};
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
