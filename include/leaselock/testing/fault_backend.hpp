// A backend in front of another one that fails as the test says and keeps a record of what it was
// asked. For tests of how a program, or leaselock itself, takes trouble that a real store makes
// only by chance: an answer that never came, a command that ran unseen, a server that refuses.
//
// Thread-safety: as every Backend.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
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
        std::chrono::milliseconds entry_life{0};  // 0: no listener
    };

    explicit FaultBackend(std::shared_ptr<Backend> inner) : inner_{std::move(inner)} {}
    FaultBackend(const FaultBackend&) = delete;
    FaultBackend& operator=(const FaultBackend&) = delete;
    ~FaultBackend() override {
        {
            const std::lock_guard lock{mutex_};
            ending_ = true;
        }
        submitted_.notify_all();
        if (thread_.joinable()) thread_.join();
        for (Unseen& each : unseen_) {
            if (!each.asked.done()) inner_->cancel(each.asked);
        }
        std::unique_lock lock{mutex_};
        while (under_way_ != 0) submitted_.wait(lock);
    }

    // The next operation that has no fault yet gets this one.
    void fail_next(Fault fault) {
        const std::lock_guard lock{mutex_};
        next_.push_back(fault);
    }
    // All operations after those of fail_next fail so, until heal().
    void fail_all(Fault fault) {
        const std::lock_guard lock{mutex_};
        all_ = fault;
    }
    void heal() {
        const std::lock_guard lock{mutex_};
        next_.clear();
        all_.reset();
    }
    // From now on no waiter is notified of a hand-off, as if its message were lost; or it is
    // again.
    void lose_messages(bool lost = true) { loses_messages_ = lost; }
    // From now on nothing is done when it is submitted, but a moment later, after `hook` has run:
    // on the thread of a caller that blocks for it, else on one of this backend's. To let time pass
    // while a command is under way, say. Null: as before.
    void on_help(std::function<void(const Request&)> hook) {
        const std::lock_guard lock{mutex_};
        hook_ = std::move(hook);
        if (hook_ != nullptr && !thread_.joinable()) thread_ = std::thread{[this] { run(); }};
    }

    // The store does the next operation for which `which` holds, and its answer is held back: it
    // comes by let_go(), unless the operation is cancelled before. All others go on meanwhile.
    void hold_back(std::function<bool(const Request&)> which) {
        const std::lock_guard lock{mutex_};
        which_ = std::move(which);
    }
    // Whether there is such an answer now.
    [[nodiscard]] bool holds_back() const {
        const std::lock_guard lock{mutex_};
        return held_back_ != nullptr;
    }
    // It is given, on this thread; and no further one is held back.
    void let_go() {
        Operation* late = nullptr;
        {
            const std::lock_guard lock{mutex_};
            which_ = nullptr;
            late = std::exchange(held_back_, nullptr);
        }
        if (late != nullptr) late->complete();
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
    bool help(Operation& operation, Clock::time_point until) noexcept override {
        if (is_ours(operation)) return false;
        if (!begin(operation)) return inner_->help(operation, until);
        perform_with_hook(operation);
        return true;
    }
    bool sleep_until(Clock::time_point until, Waker& waker) noexcept override {
        return inner_->sleep_until(until, waker);
    }
    void cancel(Operation& operation) noexcept override {
        if (drop_answer(operation)) return;
        if (!begin(operation)) return inner_->cancel(operation);
        operation.fail(Errc::connect_failed, "never sent");
    }
    void forget(Listener& listener) noexcept override { inner_->forget(listener); }
    [[nodiscard]] std::uint64_t reconnects() const noexcept override {
        return inner_->reconnects();
    }
    void examine(std::vector<Finding>& findings) override { inner_->examine(findings); }
    [[nodiscard]] StoreNodes nodes(std::vector<Finding>& findings) override {
        return inner_->nodes(findings);
    }
    void examine_prefix(std::string_view prefix, CheckDepth depth,
                        std::vector<Finding>& findings) override {
        inner_->examine_prefix(prefix, depth, findings);
    }
    std::vector<std::string> list(std::string_view prefix, std::string_view pattern) override {
        return inner_->list(prefix, pattern);
    }

  private:
    using Hook = std::function<void(const Request&)>;

    // Whether there is a hook, so that the operation has to wait.
    bool note(Operation& operation) {
        const Request& request = operation.request;
        const std::lock_guard lock{mutex_};
        records_.push_back(
            {request.verb, std::string(request.key), std::string(request.token), request.ttl,
             request.keep, request.submitted, request.deadline,
             request.listener != nullptr ? request.entry_life : std::chrono::milliseconds{0}});
        if (hook_ == nullptr) return false;
        waiting_.push_back(&operation);
        submitted_.notify_all();
        return true;
    }
    // Does what no caller does.
    void run() {
        std::unique_lock lock{mutex_};
        while (!ending_) {
            const auto found = std::find_if(
                waiting_.begin(), waiting_.end(),
                [](const Operation* each) { return each->submitter != Submitter::helps; });
            if (found == waiting_.end()) {
                submitted_.wait(lock);
                continue;
            }
            Operation& operation = **found;
            waiting_.erase(found);
            lock.unlock();
            perform_with_hook(operation);
            lock.lock();
        }
    }
    void perform_with_hook(Operation& operation) {
        if (const Hook hook = current_hook()) hook(operation.request);
        perform(operation);
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
    // Asked of the store in the place of an operation: its answer is held back, or it is lost. It
    // has texts of its own, since the operation may be cancelled before.
    // NOLINTNEXTLINE(cppcoreguidelines-virtual-class-destructor): never deleted as a Completion
    struct Unseen final : Completion {
        Unseen(FaultBackend& whose, Operation& operation, std::optional<Fault> how)
            : by{whose},
              instead_of{&operation},
              fault{how},
              key{operation.request.key},
              token{operation.request.token},
              asked{with_texts(operation.request)} {
            asked.completion = this;
        }
        [[nodiscard]] Request with_texts(Request request) const noexcept {
            request.key = key;
            request.token = token;
            return request;
        }
        void completed(Operation& /*operation*/) noexcept override { by.answered(*this); }

        FaultBackend& by;
        Operation* instead_of;  // null: cancelled
        const std::optional<Fault> fault;
        const std::string key;
        const std::string token;
        Operation asked;
    };
    // Does not block: this may be the thread that all answers wait for.
    void ask(Operation& operation, std::optional<Fault> fault) {
        Unseen* unseen = nullptr;
        {
            const std::lock_guard lock{mutex_};
            unseen = &unseen_.emplace_back(*this, operation, fault);
            ++under_way_;
        }
        inner_->submit(unseen->asked);
    }
    void answered(Unseen& unseen) noexcept {
        if (unseen.fault) lose_messages_of(unseen.asked.request);
        if (Operation* const failed = take_answer(unseen)) fail(*failed, *unseen.fault);
        const std::lock_guard lock{mutex_};
        --under_way_;
        submitted_.notify_all();
    }
    // What is to fail now, if it was not cancelled; else its answer is held back.
    [[nodiscard]] Operation* take_answer(Unseen& unseen) noexcept {
        const std::lock_guard lock{mutex_};
        Operation* const operation = std::exchange(unseen.instead_of, nullptr);
        if (operation == nullptr || unseen.fault) return operation;
        operation->reply = std::move(unseen.asked.reply);
        held_back_ = operation;
        return nullptr;
    }
    static void fail(Operation& operation, const Fault& fault) noexcept {
        operation.reply = {};
        operation.reply.in_part = fault.runs;
        operation.fail(fault.error, "made to fail");
    }

    // Whether the store is asked in its place, or its answer is held back.
    [[nodiscard]] bool is_ours(const Operation& operation) const {
        const std::lock_guard lock{mutex_};
        return held_back_ == &operation ||
               std::any_of(unseen_.begin(), unseen_.end(),
                           [&](const Unseen& each) { return each.instead_of == &operation; });
    }
    // Whether its answer is or would be held back, or lost; it is cancelled.
    [[nodiscard]] bool drop_answer(Operation& operation) {
        {
            const std::lock_guard lock{mutex_};
            bool is_ours = held_back_ == &operation;
            if (is_ours) held_back_ = nullptr;
            for (Unseen& each : unseen_) {
                if (each.instead_of != &operation) continue;
                each.instead_of = nullptr;
                is_ours = true;
            }
            if (!is_ours) return false;
        }
        operation.reply = {};
        operation.fail(Errc::command_timed_out, "its answer was held back");
        return true;
    }
    // Whether this is the one, which is the last then.
    bool is_to_be_held_back(const Request& request) {
        const std::lock_guard lock{mutex_};
        if (which_ == nullptr || !which_(request)) return false;
        which_ = nullptr;
        return true;
    }
    void perform(Operation& operation) {
        if (is_to_be_held_back(operation.request)) return ask(operation, std::nullopt);
        const std::optional<Fault> fault = take_fault();
        if (!fault) {
            inner_->submit(operation);
            lose_messages_of(operation.request);
        } else if (fault->runs) {
            ask(operation, fault);
        } else {
            fail(operation, *fault);
        }
    }

    // The queue entry stays, and its owner hears nothing.
    void lose_messages_of(const Request& request) noexcept {
        if (loses_messages_ && request.listener != nullptr) inner_->forget(*request.listener);
    }

    const std::shared_ptr<Backend> inner_;
    std::atomic<bool> loses_messages_{false};
    mutable std::mutex mutex_;  // guards the rest
    std::deque<Fault> next_;
    std::optional<Fault> all_;
    std::function<bool(const Request&)> which_;  // to be held back
    Operation* held_back_ = nullptr;             // it has its reply
    Hook hook_;
    std::vector<Operation*> waiting_;
    std::list<Unseen> unseen_;
    int under_way_ = 0;  // of these
    std::vector<Record> records_;
    std::condition_variable submitted_;
    bool ending_ = false;
    std::thread thread_;
};

}  // namespace leaselock::testing
