// The parent's side of processes.hpp.
#include "orders/processes.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <numeric>
#include <spawn.h>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

#include "orders/progress.hpp"

namespace orders {
namespace {

void check(int error, const char* what) {
    if (error != 0) throw std::system_error(error, std::generic_category(), what);
}

// An empty file that goes with its object.
class TemporaryFile {
  public:
    TemporaryFile()
        : path_{(std::filesystem::temp_directory_path() / "leaselock-orders-XXXXXX").string()} {
        const int fd = ::mkstemp(path_.data());
        if (fd < 0) check(errno, "cannot make a file for the stock");
        ::close(fd);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    ~TemporaryFile() {
        std::error_code ignored;
        std::filesystem::remove(path_, ignored);
    }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

  private:
    std::string path_;
};

// A child that was started; waited for when the object goes, at the latest.
class Worker {
  public:
    Worker(std::vector<std::string> words, std::size_t products) : tally_{products} {
        std::array<int, 2> ends{};
        check(::pipe2(ends.data(), O_CLOEXEC) == 0 ? 0 : errno, "cannot make a pipe");
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        std::vector<char*> argv;
        argv.reserve(words.size() + 1);
        for (std::string& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        const int error =
            ::posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), environ);
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        output_.reset(::fdopen(ends[0], "r"));
        check(error, "cannot start a worker");
    }

    // Reads all that the worker tells, until it ends. To be called by a thread of its own.
    void listen(std::atomic<std::size_t>& done_by_all) {
        char* line = nullptr;
        std::size_t capacity = 0;
        while (::getline(&line, &capacity, output_.get()) > 0) take(line, done_by_all);
        std::free(line);
        int status = 0;
        ::waitpid(pid_, &status, 0);
        is_well_ = has_figures_ && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }

    [[nodiscard]] const Tally& tally() const {
        if (!is_well_) throw std::runtime_error("a worker failed; it said why above");
        return tally_;
    }

  private:
    void take(const char* line, std::atomic<std::size_t>& done_by_all) {
        std::istringstream words{line};
        std::string what;
        words >> what;
        if (what == "done") {
            std::size_t done = 0;
            words >> done;
            done_by_all += done - done_;
            done_ = done;
        } else if (what == "sold") {
            std::size_t record = 0;
            words >> record;
            words >> tally_.sold.at(record);
        } else if (what == "figures") {
            LockFigures& locks = tally_.locks;
            std::int64_t total = 0;
            std::int64_t longest = 0;
            words >> tally_.accepted >> tally_.rejected >> tally_.fenced >> locks.acquisitions >>
                total >> longest >> locks.fences_rise;
            locks.total_wait = std::chrono::microseconds{total};
            locks.longest_wait = std::chrono::microseconds{longest};
            has_figures_ = !words.fail();
        }
    }

    struct Close {
        void operator()(std::FILE* file) const noexcept { std::fclose(file); }
    };
    pid_t pid_ = -1;
    std::unique_ptr<std::FILE, Close> output_;
    Tally tally_;
    std::size_t done_ = 0;
    bool has_figures_ = false;
    bool is_well_ = false;
};

std::vector<std::string> command_line(const Arguments& arguments, std::size_t worker,
                                      const std::string& records, bool with_locks) {
    return {"orders",
            "--worker",
            std::to_string(worker),
            "--records",
            records,
            "--with-locks",
            with_locks ? "yes" : "no",
            "--redis",
            arguments.redis_url,
            "--processes",
            std::to_string(arguments.processes),
            "--threads",
            std::to_string(arguments.threads),
            "--orders",
            arguments.orders_file,
            "--stock",
            arguments.stock_file};
}

}  // namespace

Result run_processes(const Arguments& arguments, const Input& input, bool with_locks,
                     std::string label) {
    const TemporaryFile records;
    FileShelf shelf{records.path()};
    shelf.stock(input.products);

    std::atomic<std::size_t> done{0};
    std::vector<std::unique_ptr<Worker>> workers;
    const auto began = std::chrono::steady_clock::now();
    {
        const Progress progress{std::move(label), input.orders.size(), done};
        std::vector<std::jthread> listeners;
        for (std::size_t i = 0; i < arguments.processes; ++i) {
            workers.push_back(std::make_unique<Worker>(
                command_line(arguments, i, records.path(), with_locks), input.products.size()));
            Worker& worker = *workers.back();
            listeners.emplace_back([&worker, &done] { worker.listen(done); });
        }
    }
    const auto time = std::chrono::steady_clock::now() - began;
    Tally total{input.products.size()};
    for (const auto& worker : workers) total += worker->tally();
    return audit(input, total, shelf, time);
}

}  // namespace orders
