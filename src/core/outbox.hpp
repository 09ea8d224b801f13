// Operations that are to be sent: those of one backend leave together, in one write.
//
// Thread-safety: one thread.
#pragma once

#include <algorithm>
#include <vector>

#include <leaselock/backend.hpp>

namespace leaselock::detail {

class Outbox {
  public:
    // May throw bad_alloc; nothing has changed then.
    void add(Backend& backend, Operation& operation) {
        const auto found = std::find_if(batches_.begin(), batches_.end(), [&](const Batch& batch) {
            return batch.backend == &backend;
        });
        Batch& batch = found != batches_.end() ? *found : batches_.emplace_back(Batch{&backend});
        batch.operations.push_back(&operation);
        ++size_;
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    // Submits all of them.
    void send() noexcept {
        size_ = 0;
        for (Batch& batch : batches_) {
            if (batch.operations.empty()) continue;
            batch.backend->submit(batch.operations);
            batch.operations.clear();
        }
    }

  private:
    // One for each backend that was met.
    struct Batch {
        Backend* backend;
        std::vector<Operation*> operations{};
    };

    std::vector<Batch> batches_;
    std::size_t size_ = 0;
};

}  // namespace leaselock::detail
