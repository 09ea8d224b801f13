// A backend in front of another one that fails as it is told and keeps a record of what it was
// asked. For tests of how a program, or leaselock itself, takes trouble that a real store makes
// only by chance: an answer that never came, a command that ran unseen, a server that refuses.
//
// Thread-safety: as every Backend.
#pragma once

#include <atomic>
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
        std::chrono::milliseconds place{0};  // 0: no listener
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
    // From now on no hand-off is told to those who wait, as if its message were lost; or it is
    // again.
    void lose_messages(bool lost = true) { loses_messages_ = lost; }
    // From now on nothing is done when it is submitted: pump() does it, after it has run `hook` in
    // the caller's thread. To let time pass while a command is under way, say.
    void on_pump(std::function<void(const Request&)> hook) {
        const std::lock_guard lock{mutex_};
        hook_ = std::move(hook);
    }

    // Since the start, in order.
    [[nodiscard]] std::vector<Record> records() const {
        const std::lock_guard lock{mutex_};
        return records_;
    }
    [[nodiscard]] std::size_t count() const { return records().size(); }

    using Backend::submit;

    [[nodiscard]] Guarantees guarantees() const noexcept override { return inner_->guarantees(); }
    void submit(std::span<Operation* const> operations) noexcept override {
        for (Operation* const operation : operations) {
            if (!note(*operation)) perform(*operation);
        }
    }
    bool pump(Operation& operation, Clock::time_point until) noexcept override {
        if (operation.done()) return true;
        if (begin(operation)) {
            if (const Hook hook = current_hook()) hook(operation.request);
            perform(operation);
        }
        return operation.done() || inner_->pump(operation, until);
    }
    void detach(Operation& operation) noexcept override {
        begin(operation);
        if (!operation.done()) inner_->detach(operation);
        if (!operation.done()) operation.fail(Errc::connect_failed, "never sent");
    }
    void listen(Listener& listener) noexcept override {
        if (!loses_messages_) inner_->listen(listener);
    }
    void forget(Listener& listener) noexcept override { inner_->forget(listener); }
    [[nodiscard]] std::uint64_t reconnects() const noexcept override {
        return inner_->reconnects();
    }
    void examine(std::vector<Finding>& findings) override { inner_->examine(findings); }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        return inner_->list(prefix, pattern);
    }

  private:
    using Hook = std::function<void(const Request&)>;

    // Whether there is a hook, so that the operation has to wait for pump().
    bool note(const Operation& operation) {
        const Request& request = operation.request;
        const std::lock_guard lock{mutex_};
        records_.push_back(
            {request.verb, std::string(request.key), std::string(request.token), request.ttl,
             request.keep, request.submitted, request.deadline,
             request.listener != nullptr ? request.place : std::chrono::milliseconds{0}});
        if (hook_ != nullptr) waiting_.push_back(&operation);
        return hook_ != nullptr;
    }
    // Whether the operation waited; it does not any more.
    bool begin(const Operation& operation) {
        const std::lock_guard lock{mutex_};
        return std::erase(waiting_, &operation) > 0;
    }
    Hook current_hook() const {
        const std::lock_guard lock{mutex_};
        return hook_;
    }
    std::optional<Fault> take_fault() {
        const std::lock_guard lock{mutex_};
        if (next_.empty()) return all_;
        const Fault fault = next_.front();
        next_.pop_front();
        return fault;
    }
    void perform(Operation& operation) {
        const std::optional<Fault> fault = take_fault();
        if (!fault) {
            inner_->submit(operation);
            lose_messages_of(operation.request);
            return;
        }
        if (fault->runs) {
            Operation unseen{operation.request};
            inner_->submit(unseen);
            if (!unseen.done() && !inner_->pump(unseen, Clock::time_point::max()))
                inner_->detach(unseen);
            lose_messages_of(operation.request);
        }
        operation.reply.in_part = fault->runs;
        operation.fail(fault->error, "made to fail");
    }

    // The place stays, and its owner hears nothing.
    void lose_messages_of(const Request& request) noexcept {
        if (loses_messages_ && request.listener != nullptr) inner_->forget(*request.listener);
    }

    const std::shared_ptr<Backend> inner_;
    std::atomic<bool> loses_messages_{false};
    mutable std::mutex mutex_;  // guards the rest
    std::deque<Fault> next_;
    std::optional<Fault> all_;
    Hook hook_;
    std::vector<const Operation*> waiting_;  // for pump()
    std::vector<Record> records_;
};

}  // namespace leaselock::testing
