// What leaselock on Redis is measured against: hiredis by hand, on the server of
// LEASELOCK_BENCH_REDIS.
//
// Thread-safety: an object is one thread's.
#pragma once

#include <array>
#include <cstdlib>
#include <cstring>
#include <hiredis/hiredis.h>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

inline constexpr const char* prefix = "hazel:lock:";
inline constexpr const char* token = "vm:12345/0123456789abcdef0123456789abcdef";

// A minimal lock with a fencing token, and its release.
inline constexpr const char* fenced_script =
    "if redis.call('SET',KEYS[1],ARGV[1],'NX','PX',ARGV[2]) then "
    "return redis.call('INCR',KEYS[2]) end return 0";
inline constexpr const char* compare_and_delete_script =
    "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) end return 0";

inline const std::string& url() {
    static const std::string text = [] {
        const char* const value = std::getenv("LEASELOCK_BENCH_REDIS");
        return std::string{value == nullptr ? "" : value};
    }();
    return text;
}

struct Free {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
    void operator()(redisContext* context) const noexcept { redisFree(context); }
};
using Answer = std::unique_ptr<redisReply, Free>;

// Commands that are written one after the other, and their answers.
class Pipeline {
  public:
    Pipeline()
        : context_{
              redisConnect("127.0.0.1", std::atoi(url().substr(url().rfind(':') + 1).c_str()))} {
        if (context_ == nullptr || context_->err != 0) throw std::runtime_error("no server");
    }
    void append(const std::vector<std::string>& words) {
        std::array<const char*, 12> texts{};
        std::array<std::size_t, 12> lengths{};
        for (std::size_t i = 0; i < words.size(); ++i) {
            texts[i] = words[i].data();
            lengths[i] = words[i].size();
        }
        redisAppendCommandArgv(context_.get(), static_cast<int>(words.size()), texts.data(),
                               lengths.data());
    }
    void append_written(const std::string& command) {
        redisAppendFormattedCommand(context_.get(), command.data(), command.size());
    }
    Answer next() {
        void* reply = nullptr;
        if (redisGetReply(context_.get(), &reply) != REDIS_OK) throw std::runtime_error("closed");
        return Answer{static_cast<redisReply*>(reply)};
    }

  private:
    std::unique_ptr<redisContext, Free> context_;
};

// What follows a name in a text of INFO.
inline double number_behind(const std::string& text, const char* name) {
    const std::size_t at = text.find(name);
    return at == std::string::npos ? 0 : std::atof(text.c_str() + at + std::strlen(name));
}

class Raw : private Pipeline {
  public:
    Raw() {
        fenced_ = load(fenced_script);
        compare_and_delete_ = load(compare_and_delete_script);
    }
    void fenced(const std::string& key, const std::string& fence) {
        expect(command({"EVALSHA", fenced_, "2", key, fence, token, "30000"})->integer > 0);
    }
    void plain(const std::string& key) {
        expect(command({"SET", key, token, "NX", "PX", "30000"})->type == REDIS_REPLY_STATUS);
    }
    void release(const std::string& key) {
        expect(command({"EVALSHA", compare_and_delete_, "1", key, token})->integer == 1);
    }
    void ping() { expect(command({"PING"})->type == REDIS_REPLY_STATUS); }
    // All of it in a line, then all answers.
    void pipeline_fenced(const std::vector<std::string>& keys,
                         const std::vector<std::string>& fences) {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            append({"EVALSHA", fenced_, "2", keys[i], fences[i], token, "30000"});
        }
        for (std::size_t i = 0; i < keys.size(); ++i) expect(next()->integer > 0);
        for (const std::string& key : keys)
            append({"EVALSHA", compare_and_delete_, "1", key, token});
        for (std::size_t i = 0; i < keys.size(); ++i) expect(next()->integer == 1);
    }
    // How many scripts have been run by all.
    long long scripts_run() {
        const std::string text = info("commandstats");
        return static_cast<long long>(number_behind(text, "cmdstat_eval:calls=") +
                                      number_behind(text, "cmdstat_evalsha:calls="));
    }
    // How often a command has been run by all, scripts included.
    long long calls(const std::string& command) {
        const std::string what = "cmdstat_" + command + ":calls=";
        return static_cast<long long>(number_behind(info("commandstats"), what.c_str()));
    }
    // The processor time that the server has spent.
    double server_seconds() {
        const std::string text = info("cpu");
        return number_behind(text, "used_cpu_user:") + number_behind(text, "used_cpu_sys:");
    }

  protected:
    Answer command(const std::vector<std::string>& words) {
        append(words);
        return next();
    }
    std::string info(const char* section) {
        const Answer answer = command({"INFO", section});
        return {answer->str, answer->len};
    }

  private:
    static void expect(bool ok) {
        if (!ok) throw std::runtime_error("unexpected answer");
    }
    std::string load(const char* script) { return command({"SCRIPT", "LOAD", script})->str; }

    std::string fenced_;
    std::string compare_and_delete_;
};

}  // namespace bench
