#include "orders/work.hpp"

#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace orders {
namespace {

class Crew {
  public:
    Crew(const Input& input, Share share, const std::function<Answer(const Order&)>& sell,
         std::atomic<std::size_t>& done)
        : input_{input},
          step_{share.parts},
          next_{share.part},
          sell_{sell},
          done_{done},
          total_{input.products.size()} {}

    Tally run(std::size_t threads) {
        {
            std::vector<std::jthread> crew;
            crew.reserve(threads);
            for (std::size_t i = 0; i < threads; ++i) crew.emplace_back([this] { work(); });
        }
        if (error_) std::rethrow_exception(error_);
        return total_;
    }

  private:
    void work() {
        Tally mine{input_.products.size()};
        try {
            work_into(mine);
        } catch (...) {
            next_ = input_.orders.size();  // nobody takes a further one
            const std::lock_guard lock{mutex_};
            if (!error_) error_ = std::current_exception();
        }
        const std::lock_guard lock{mutex_};
        total_ += mine;
    }

    void work_into(Tally& mine) {
        for (std::size_t i = next_.fetch_add(step_); i < input_.orders.size();
             i = next_.fetch_add(step_)) {
            const Order& order = input_.orders[i];
            const Answer answer = sell_(order);
            if (answer == Answer::accepted) mine.sold[order.record] += order.quantity;
            mine.accepted += answer == Answer::accepted ? 1 : 0;
            mine.rejected += answer == Answer::rejected ? 1 : 0;
            mine.fenced += answer == Answer::fenced ? 1 : 0;
            done_.fetch_add(1, std::memory_order_relaxed);
        }
    }

    const Input& input_;
    const std::size_t step_;
    std::atomic<std::size_t> next_;
    const std::function<Answer(const Order&)>& sell_;
    std::atomic<std::size_t>& done_;
    std::mutex mutex_;
    Tally total_;
    std::exception_ptr error_;
};

}  // namespace

Tally work(const Input& input, Share share, std::size_t threads,
           const std::function<Answer(const Order&)>& sell, std::atomic<std::size_t>& done) {
    return Crew{input, share, sell, done}.run(threads);
}

}  // namespace orders
