#include <algorithm>
#include <fmt/format.h>
#include <list>
#include <new>
#include <thread>
#include <utility>

#include <leaselock/blocking_backend.hpp>
#include <leaselock/detail/thread_annotations.hpp>

#include "base/threads.hpp"

namespace leaselock {
namespace blocking {

// What is asked, with texts of its own: a call may outlast the operation that asked for it.
class Job {
  public:
    explicit Job(Operation& operation)
        : operation_{&operation},
          key_{operation.request.key},
          token_{operation.request.token},
          request_{with_texts(operation.request)} {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job() = default;

    [[nodiscard]] const Request& request() const noexcept { return request_; }
    [[nodiscard]] Operation* operation() const noexcept { return operation_; }
    [[nodiscard]] Operation* take_operation() noexcept {
        return std::exchange(operation_, nullptr);
    }

    bool runs = false;

  private:
    // A store without a queue knows no listener.
    [[nodiscard]] Request with_texts(Request what) const noexcept {
        what.key = key_;
        what.token = token_;
        what.listener = nullptr;
        return what;
    }

    Operation* operation_;  // null: it was cancelled
    const std::string key_;
    const std::string token_;
    const Request request_;
};

}  // namespace blocking

namespace {

using blocking::Job;

using detail::MutexLock;
using detail::MutexUnlock;

constexpr int most_threads = 64;

// Whether it asks for nothing beyond what is promised.
bool is_served(const Request& what, const Guarantees& promised) noexcept {
    const bool keeps = what.keep.count() > 0 || what.min_hold.count() > 0;
    if (keeps && !promised.min_hold) return false;
    if (what.claim.is_latch()) return promised.latches;
    return what.claim.is_exclusive() || promised.shares;
}

Reply failed(Errc error, const char* why) {
    Reply reply;
    reply.error = error;
    reply.detail = why;
    return reply;
}

Reply ask(BlockingStore& store, const Request& what) {
    switch (what.verb) {
        case Verb::acquire: return store.acquire(what);
        case Verb::renew: return store.renew(what);
        case Verb::release: return store.release(what);
        case Verb::inspect: break;
    }
    return store.inspect(what);
}

Reply answer_of(BlockingStore& store, const Request& what) noexcept {
    try {
        try {
            return ask(store, what);
        } catch (const LockError& error) {
            return failed(static_cast<Errc>(error.code().value()), error.what());
        } catch (const std::bad_alloc&) {
            throw;
        } catch (const std::exception& error) {
            return failed(Errc::unexpected_reply, error.what());
        } catch (...) {
            return failed(Errc::unexpected_reply, "the store threw what is no exception");
        }
    } catch (const std::bad_alloc&) {
        Reply none;
        none.error = Errc::out_of_memory;
        none.in_part = true;
        return none;
    }
}

}  // namespace

// The threads and what they have to do, in the order in which it came, but that no two of one key
// run at once.
class BlockingBackend::Pool {
  public:
    Pool(BlockingStore& store, int threads) : store_{store} {
        threads_.reserve(static_cast<std::size_t>(threads));
        busy_keys_.reserve(threads_.capacity());
    }
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool() {
        {
            const MutexLock lock{mutex_};
            ending_ = true;
        }
        work_.notify_all();
        for (std::thread& each : threads_) each.join();
    }

    void submit(Operation& operation) noexcept {
        std::list<Job> fresh;
        Errc error{};
        try {
            fresh.emplace_back(operation);
            const MutexLock lock{mutex_};
            // An idle thread for each that waits: one may be taken by a call that hangs.
            if (queued_ >= idle_ && !start_one() && threads_.empty()) {
                error = Errc::no_thread;
            } else {
                jobs_.splice(jobs_.end(), fresh);
                ++queued_;
            }
        } catch (const std::bad_alloc&) {
            error = Errc::out_of_memory;
        }
        if (error != Errc{}) return operation.fail(error, {});
        work_.notify_one();
    }

    void cancel(Operation& operation) noexcept {
        std::list<Job> gone;
        bool runs = false;
        {
            const MutexLock lock{mutex_};
            const auto found = std::find_if(jobs_.begin(), jobs_.end(), [&](const Job& each) {
                return each.operation() == &operation;
            });
            if (found == jobs_.end()) return;  // it is just being completed
            runs = found->runs;
            if (runs) {
                (void)found->take_operation();
            } else {
                gone.splice(gone.end(), jobs_, found);
                --queued_;
            }
        }
        operation.fail(runs ? Errc::command_timed_out : Errc::connect_failed,
                       runs ? "no answer until the deadline" : "no thread was free for it");
    }

  private:
    using Jobs = std::list<Job>;

    // False: there is none more to be had. May throw bad_alloc.
    bool start_one() LEASELOCK_REQUIRES(mutex_) {
        if (threads_.size() == threads_.capacity()) return false;
        std::thread fresh;
        if (!detail::start_thread(fresh, [this] { run(); })) return false;
        threads_.push_back(std::move(fresh));
        return true;
    }

    void run() noexcept {
        mutex_.lock();
        while (!ending_) {
            const auto next = find_next();
            if (next != jobs_.end()) {
                perform(next);
                continue;
            }
            ++idle_;
            work_.wait(mutex_);
            --idle_;
        }
        mutex_.unlock();
    }

    // The first one for whose key no thread is at work.
    [[nodiscard]] Jobs::iterator find_next() noexcept LEASELOCK_REQUIRES(mutex_) {
        auto next = jobs_.begin();
        while (next != jobs_.end() && (next->runs || is_busy(next->request().key))) ++next;
        return next;
    }
    [[nodiscard]] bool is_busy(std::string_view key) const noexcept LEASELOCK_REQUIRES(mutex_) {
        return std::find(busy_keys_.begin(), busy_keys_.end(), key) != busy_keys_.end();
    }

    void perform(Jobs::iterator job) noexcept LEASELOCK_REQUIRES(mutex_) {
        job->runs = true;
        --queued_;
        const std::string_view key = job->request().key;
        busy_keys_.push_back(key);  // there is room for one of each thread
        Jobs over;
        Reply reply;
        {
            const MutexUnlock unlocked{mutex_};
            reply = answer_of(store_, job->request());
        }
        Operation* const operation = job->take_operation();
        busy_keys_.erase(std::find(busy_keys_.begin(), busy_keys_.end(), key));
        over.splice(over.end(), jobs_, job);
        const bool more = !jobs_.empty();
        const MutexUnlock unlocked{mutex_};
        if (more) work_.notify_one();  // for a call that waited for the key
        if (operation == nullptr) return;
        operation->reply = std::move(reply);
        operation->complete();
    }

    BlockingStore& store_;
    detail::Mutex mutex_;
    detail::Condition work_;
    Jobs jobs_ LEASELOCK_GUARDED_BY(mutex_);  // with those that run, until they are over
    std::vector<std::string_view> busy_keys_ LEASELOCK_GUARDED_BY(mutex_);
    int queued_ LEASELOCK_GUARDED_BY(mutex_) = 0;  // those that do not run
    int idle_ LEASELOCK_GUARDED_BY(mutex_) = 0;
    bool ending_ LEASELOCK_GUARDED_BY(mutex_) = false;
    std::vector<std::thread> threads_;
};

BlockingBackend::BlockingBackend(std::unique_ptr<BlockingStore> store, int threads)
    : store_{std::move(store)} {
    if (*store_ == nullptr) {
        throw LockError(Errc::invalid_option, "store = null, allowed is any BlockingStore");
    }
    if (threads < 1 || threads > most_threads) {
        throw LockError(Errc::invalid_option,
                        fmt::format("threads = {}, allowed are 1 to {}", threads, most_threads));
    }
    *pool_ = std::make_unique<Pool>(**store_, threads);
}

BlockingBackend::~BlockingBackend() = default;

Guarantees BlockingBackend::guarantees() const noexcept { return (*store_)->guarantees(); }

void BlockingBackend::submit(std::span<Operation* const> operations) noexcept {
    if (is_copied()) return refuse_copied(operations);
    for (Operation* const operation : operations) {
        if (is_served(operation->request, guarantees())) {
            (*pool_)->submit(*operation);
        } else {
            operation->fail(Errc::not_supported, "the store does not promise it");
        }
    }
}

void BlockingBackend::cancel(Operation& operation) noexcept {
    if (!is_in_child()) return (*pool_)->cancel(operation);
    operation.fail(Errc::forked, {});
}

void BlockingBackend::examine(std::vector<Finding>& findings) {
    throw_if_copied();
    (*store_)->examine(findings);
}

std::vector<std::string> BlockingBackend::list(std::string_view prefix, std::string_view pattern) {
    throw_if_copied();
    return (*store_)->list(prefix, pattern);
}

}  // namespace leaselock
