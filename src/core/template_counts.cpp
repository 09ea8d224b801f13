#include "core/template_counts.hpp"

#include <memory>

#include <leaselock/detail/text_hash.hpp>
#include <leaselock/detail/utf8.hpp>
#include <leaselock/lock_options.hpp>

namespace leaselock::detail {
namespace {

bool can_be_label(std::string_view text) noexcept {
    return text.size() <= max_key_bytes && text != other_templates &&
           text.find('\0') == std::string_view::npos && is_utf8(text);
}

}  // namespace

void OwnCounts::ended(std::chrono::nanoseconds held, bool lost) noexcept {
    if (lost) add(lost_, 1);
    if (held.count() > 0) add(held_ns_, static_cast<std::uint64_t>(held.count()));
    add(ended_[Histogram::bucket_of(held)], 1);
}

void OwnCounts::add_to(LockStats& stats) const noexcept {
    std::uint64_t ended = 0;
    for (std::size_t i = 0; i < Histogram::size; ++i) {
        const std::uint64_t some = ended_[i].load(std::memory_order_relaxed);
        stats.hold.counts[i] += some;
        ended += some;
    }
    const std::uint64_t granted = granted_.load(std::memory_order_relaxed);
    stats.hold.total += std::chrono::nanoseconds{held_ns_.load(std::memory_order_relaxed)};
    stats.acquired += granted;
    stats.wait.counts[0] += granted;
    stats.released += ended;
    stats.lost += lost_.load(std::memory_order_relaxed);
    stats.held_now += granted - ended;
}

TemplateTable::~TemplateTable() {
    for (Slot& slot : slots_) delete slot.load();
}

TemplateTable::Slot& TemplateTable::slot_of(std::string_view key_template) noexcept {
    for (std::size_t i = text_hash(key_template);; ++i) {
        Slot& slot = slots_[i % slots_.size()];
        const TemplateCounts* const counts = slot.load(std::memory_order_acquire);
        if (counts == nullptr || counts->key_template == key_template) return slot;
    }
}

TemplateCounts& TemplateTable::of(std::string_view key_template) {
    if (key_template.empty()) return none_;
    TemplateCounts* const known = slot_of(key_template).load(std::memory_order_acquire);
    if (known != nullptr) return *known;
    if (count_ == max_templates || !can_be_label(key_template)) return other_;
    return add(key_template);
}

[[gnu::noinline]] TemplateCounts& TemplateTable::add(std::string_view key_template) {
    std::unique_ptr<TemplateCounts> fresh{new TemplateCounts{std::string{key_template}}};
    const MutexLock lock{mutex_};
    Slot& slot = slot_of(key_template);
    if (slot.load() == nullptr) {
        if (count_ == max_templates) return other_;
        slot.store(fresh.release(), std::memory_order_release);
        ++count_;
    }
    return *slot.load();
}

void TemplateTable::for_each(const std::function<void(TemplateCounts&)>& visit) {
    visit(none_);
    for (Slot& slot : slots_) {
        if (TemplateCounts* const counts = slot.load(std::memory_order_acquire)) visit(*counts);
    }
    visit(other_);
}

}  // namespace leaselock::detail
