// A backend in front of another one that fails as it is told and keeps a record of what it was
// asked. For tests of how a program, or leaselock itself, takes trouble that a real store makes
// only by chance: an answer that never came, a command that ran unseen, a server that refuses.
//
// Thread-safety: as every Backend.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <leaselock/backend.hpp>

namespace leaselock::testing {

class FaultBackend final : public Backend {
  public:
    // What happens to one operation.
    struct Fault {
        Errc error;
        // Whether the store does what was asked before the answer is lost.
        bool runs = false;
    };
    // What was asked, with texts of its own.
    struct Record {
        Verb verb;
        std::string key;
        std::string token;
        std::chrono::milliseconds ttl;
        std::chrono::milliseconds keep;
        Clock::time_point submitted;
        Clock::time_point deadline;
    };

    explicit FaultBackend(std::shared_ptr<Backend> inner) : inner_{std::move(inner)} {}

    // The next operation that has no fault yet gets this one.
    void fail_next(Fault fault) {
        const std::lock_guard lock{mutex_};
        next_.push_back(fault);
    }
    // All operations behind those of fail_next fail so, until heal().
    void fail_all(Fault fault) {
        const std::lock_guard lock{mutex_};
        all_ = fault;
    }
    void heal() {
        const std::lock_guard lock{mutex_};
        next_.clear();
        all_.reset();
    }
    // Runs in the caller's thread for each operation before it is done: to let time pass, say.
    void on_submit(std::function<void(const Request&)> hook) {
        const std::lock_guard lock{mutex_};
        hook_ = std::move(hook);
    }

    // Since the start, in order.
    [[nodiscard]] std::vector<Record> records() const {
        const std::lock_guard lock{mutex_};
        return records_;
    }
    [[nodiscard]] std::size_t count() const { return records().size(); }

    void submit(Operation& operation) noexcept override {
        const auto [fault, hook] = note(operation.request);
        if (hook) hook(operation.request);
        if (!fault) {
            inner_->submit(operation);
            return;
        }
        if (fault->runs) {
            Operation unseen{operation.request};
            inner_->submit(unseen);
            if (!unseen.done() && !inner_->pump(unseen)) inner_->detach(unseen);
        }
        operation.fail(fault->error, "made to fail");
    }
    bool pump(Operation& operation) noexcept override {
        return operation.done() || inner_->pump(operation);
    }
    void detach(Operation& operation) noexcept override { inner_->detach(operation); }

  private:
    using Hook = std::function<void(const Request&)>;

    std::pair<std::optional<Fault>, Hook> note(const Request& request) {
        const std::lock_guard lock{mutex_};
        records_.push_back({request.verb, std::string(request.key), std::string(request.token),
                            request.ttl, request.keep, request.submitted, request.deadline});
        if (next_.empty()) return {all_, hook_};
        const Fault fault = next_.front();
        next_.pop_front();
        return {fault, hook_};
    }

    const std::shared_ptr<Backend> inner_;
    mutable std::mutex mutex_;  // guards the rest
    std::deque<Fault> next_;
    std::optional<Fault> all_;
    Hook hook_;
    std::vector<Record> records_;
};

}  // namespace leaselock::testing
