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

TemplateCounts& TemplateTable::add(std::string_view key_template) {
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
