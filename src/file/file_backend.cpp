#include "file/file_backend.hpp"

#include <algorithm>
#include <deque>
#include <fmt/core.h>
#include <optional>
#include <utility>
#include <vector>

#include <leaselock/detail/glob.hpp>
#include <leaselock/detail/lock_verbs.hpp>
#include <leaselock/error.hpp>

#include "file/failure.hpp"
#include "file/names.hpp"
#include "file/survivors.hpp"

namespace leaselock {
namespace file {
namespace {

using detail::LockEntry;
using detail::MutexLock;

FileOptions checked(FileOptions options) {
    if (options.clock == nullptr) {
        throw LockError(Errc::invalid_option, "clock = null, allowed is any Clock");
    }
    if (!options.directory.empty() && options.directory[0] != '/') {
        throw LockError(
            Errc::invalid_option,
            fmt::format("directory = '{}', allowed is an absolute path", options.directory));
    }
    return options;
}

LockFile::Access access_for(Verb verb) noexcept {
    switch (verb) {
        case Verb::acquire: return LockFile::Access::create;
        case Verb::inspect: return LockFile::Access::read;
        default: return LockFile::Access::write;
    }
}

std::size_t places(const LockEntry& entry) noexcept {
    return entry.queue == nullptr ? 0 : entry.queue->size();
}

// Notes who gets the lock, for a process that will look.
class Post final : public Listener {
  public:
    Post(std::string_view token, std::vector<Record::Message>& messages)
        : Listener{{}, token}, message_{std::string(token), {}}, messages_{messages} {}
    Post(const Post&) = delete;
    Post& operator=(const Post&) = delete;
    virtual ~Post() = default;
    // Has room.
    void handed_over(const HandOff& what) noexcept override {
        message_.what = what;
        messages_.push_back(std::move(message_));
    }
    void look() noexcept override {}

  private:
    Record::Message message_;
    std::vector<Record::Message>& messages_;
};

// A request at a key, and the messages that come of it. Those for who waits for a latch are there
// until he has gone: he has nothing of it by which he would be known.
template <class IsAlive>
void run_verb(Record& record, const Request& request, Reply& reply, detail::Fences& fences,
              const IsAlive& is_alive) {
    LockEntry& entry = record.entry;
    std::deque<Post> posts;
    record.messages.reserve(record.messages.size() + places(entry));
    if (entry.queue != nullptr) {
        entry.queue->set_listeners(
            [&](std::string_view token) { return &posts.emplace_back(token, record.messages); });
    }
    detail::LockVerbs{entry, request, reply, fences}.run();
    const bool latch = entry.shares != nullptr && entry.shares->of() < 0;
    std::erase_if(record.messages, [&](const Record::Message& message) {
        const bool due =
            latch ? is_alive(message.token) : entry.knows(message.token, request.submitted);
        return message.token == request.token || !due;
    });
}

// Not for a lock: for somebody who is inside its file, which takes microseconds, and milliseconds
// if he has lost the processor meanwhile.
struct Nap {
    static constexpr std::chrono::microseconds longest{640};

    void take(Clock& clock) {
        Waker nobody;
        clock.sleep_until(clock.now() + length, nobody);
        length = std::min(2 * length, longest);
    }

    std::chrono::microseconds length{20};
};

template <class Done>
bool soon(Clock& clock, const Done& done) {
    Nap nap;
    while (!done()) {
        if (nap.length >= Nap::longest) return false;
        nap.take(clock);
    }
    return true;
}

// Of a name that does not tell it. Nothing: the file has gone, or somebody stands still inside.
std::optional<std::string> key_in(const Directory& directory, const std::string& name,
                                  Clock& real) {
    LockFile file{directory, name, LockFile::Access::read};
    if (!file || !soon(real, [&] { return file.enter(); })) return std::nullopt;
    const std::string state = file.load();
    if (state.empty()) return std::nullopt;
    return decode(state).key;
}

// A file from the table of those that stay open, or a new one.
class Lent {
  public:
    using Files = FileBackend::Files;

    // May throw bad_alloc.
    Lent(Files& files, std::string name) : files_{files}, node_{files.extract(name)} {
        stays = !node_.empty();
        if (stays) return;
        files.reserve(files.size() + 1);
        Files fresh;
        fresh.try_emplace(std::move(name));
        node_ = fresh.extract(fresh.begin());
    }
    Lent(const Lent&) = delete;
    Lent& operator=(const Lent&) = delete;
    ~Lent() {
        if (stays && file()) files_.insert(std::move(node_));
    }

    [[nodiscard]] LockFile& file() noexcept { return node_.mapped().file; }
    void set_latch(bool latch) noexcept { node_.mapped().latch = latch; }

    bool stays = false;

  private:
    Files& files_;
    Files::node_type node_;
};

// Neither a key nor a token has a line in it.
std::string place_of(std::string_view key, std::string_view token) {
    return fmt::format("{}\n{}", key, token);
}

// Two processes of one user in two directories would not exclude each other, so there is no other
// default.
constexpr const char* default_advice =
    "; if some processes of this user cannot use the default, name all of them another by "
    "FileOptions::directory, or by LEASELOCK_URL=file:/DIRECTORY for the command";

}  // namespace

FileBackend::FileBackend(FileOptions options) : options_{checked(std::move(options))} {}

std::string FileBackend::path() const {
    return options_.directory.empty() ? default_lock_directory() : options_.directory;
}

std::shared_ptr<Directory> FileBackend::directory() {
    const MutexLock lock{mutex_};
    if (directory_ == nullptr || directory_->is_removed()) {
        directory_ = std::make_shared<Directory>(path(), options_.directory.empty());
    }
    return directory_;
}

FileBackend::Shard& FileBackend::shard_of(std::string_view key) noexcept {
    return (*shards_)[hash_of(key) % shard_count];
}

void FileBackend::submit(std::span<Operation* const> operations) noexcept {
    if (is_copied()) return refuse_copied(operations);
    for (Operation* const operation : operations) {
        (void)soon(*real_, [&] { return run(*operation); });
    }
}

bool FileBackend::pump(Operation& operation, Clock::time_point until) noexcept {
    if (is_copied() && !operation.done()) operation.fail(Errc::forked, {});
    // How long a process may stand still is a matter of real time; and it counts from here on,
    // since the operations before this one took theirs.
    if (operation.since == Clock::time_point{}) operation.since = real_->now();
    Nap nap;
    while (!operation.done() && !run(operation)) {
        const bool hangs = real_->now() >= operation.since + patience;
        const auto now = options_.clock->now();
        if (hangs || now >= operation.request.deadline) {
            detach(operation);
        } else if (now >= until) {
            return false;
        } else {
            nap.take(*real_);
        }
    }
    return true;
}

void FileBackend::detach(Operation& operation) noexcept {
    fail(operation, Errc::busy, "another process is inside the lock's file and does not go on");
}

void FileBackend::forget(Listener& listener) noexcept {
    if (is_in_child()) return;
    watch_->forget(listener);
    Shard& shard = shard_of(listener.key());
    const MutexLock lock{shard.mutex};
    try {
        const auto found = shard.files.find(place_of(listener.key(), listener.token()));
        if (found != shard.files.end() && found->second.latch) shard.files.erase(found);
    } catch (const std::bad_alloc&) {
        return;  // it stays open
    }
}

bool FileBackend::run(Operation& operation) noexcept {
    try {
        Shard& shard = shard_of(operation.request.key);
        {
            const MutexLock lock{shard.mutex};
            if (!run_in(shard, operation)) return false;
        }
        operation.complete();
    } catch (const FileError& error) {
        fail(operation, error.code(), error.what());
    } catch (const std::bad_alloc&) {
        operation.fail(Errc::out_of_memory, {});
    }
    return true;
}

std::string FileBackend::explain(Errc code, std::string_view why) const {
    const bool another_may_do = code == Errc::access_denied || code == Errc::directory_unusable;
    const bool advises = options_.directory.empty() && another_may_do;
    return fmt::format("{}{}", why, advises ? default_advice : "");
}

// In the text is always the file of which it speaks.
void FileBackend::fail(Operation& operation, Errc code, std::string_view why) const noexcept {
    try {
        const std::string all = explain(code, why);
        const std::string file = path() + '/' + name_of(operation.request.key);
        const bool names_it = all.find(path()) != std::string::npos;
        operation.fail(code, names_it ? all : fmt::format("'{}': {}", file, all));
    } catch (const std::bad_alloc&) {
        operation.fail(code, {});
    }
}

// A FileError is for this backend alone.
template <class Work>
void FileBackend::told_outside(const Work& work) const {
    try {
        work();
    } catch (const FileError& error) {
        throw LockError(error.code(), explain(error.code(), error.what()));
    }
}

bool FileBackend::run_in(Shard& shard, Operation& operation) {
    const Request& request = operation.request;
    const auto directory = this->directory();
    Lent lent{shard.files, place_of(request.key, request.token)};
    lent.set_latch(detail::is_latch(request.share));
    LockFile& file = lent.file();
    for (;;) {
        if (!file) file = LockFile{*directory, name_of(request.key), access_for(request.verb)};
        if (!file) {
            operation.reply.outcome = request.verb == Verb::inspect ? Outcome::free : Outcome::lost;
            return true;
        }
        if (!file.enter()) return false;
        if (!file.is_removed()) break;
        file.close();
        lent.stays = false;
    }
    After after{};
    {
        const Inside inside{file};
        after = answer(*directory, file, lent.stays, operation);
        lent.stays = after.stays;
    }
    if (after.stays && after.handed_over) file.touch();
    return true;
}

FileBackend::After FileBackend::answer(Directory& directory, LockFile& file, bool marked,
                                       Operation& operation) {
    const Request& request = operation.request;
    const std::string before = file.load();
    Record record{.key = std::string(request.key)};
    if (!before.empty()) record = decode(before);
    if (record.key != request.key) throw FileError(Errc::corrupt, "the file is of another key");
    LockEntry& entry = record.entry;
    const auto is_alive = [&](std::string_view token) {
        return (marked && token == request.token) || file.is_alive(token);
    };
    const bool may_hand_over = request.verb != Verb::acquire || request.share.of != 0;
    bury(entry, request.submitted, may_hand_over, is_alive);
    const std::size_t waited = places(entry);
    const std::uint64_t floor = entry.fencing_token;
    const bool may_grant =
        request.verb == Verb::acquire || (request.verb != Verb::inspect && waited > 0);
    detail::Fences fences = may_grant ? directory.fences(floor) : detail::Fences{.last = floor};
    run_verb(record, request, operation.reply, fences, is_alive);
    if (request.verb == Verb::inspect) return {};

    const bool stays =
        (marked || request.verb == Verb::acquire) && entry.knows(request.token, request.submitted);
    if (stays && !marked) file.mark_alive(request.token);
    // Before anybody can see it: who is killed here leaves a gap, and no token twice.
    if (fences.last != floor) directory.publish(fences.last);
    if (entry.is_over(request.submitted)) {
        file.remove(directory, name_of(request.key));
    } else if (const std::string state = encode(record); state != before) {
        file.store(state);
    }
    Reply& reply = operation.reply;
    if (reply.queued) reply.told = reply.deaths_told = watch_->add(*request.listener, file);
    return {.stays = stays, .handed_over = places(entry) < waited};
}

void FileBackend::examine(std::vector<Finding>& findings) {
    throw_if_copied();
    told_outside([&] { directory()->examine(findings); });
}

std::vector<std::string> FileBackend::list(std::string_view prefix, std::string_view pattern) {
    throw_if_copied();
    std::vector<std::string> keys;
    told_outside([&] {
        const auto directory = this->directory();
        for (const std::string& name : directory->names()) {
            std::optional<std::string> key = key_of(name);
            if (!key) key = key_in(*directory, name, *real_);
            if (key && detail::is_listed(*key, prefix, pattern)) keys.push_back(std::move(*key));
        }
    });
    return keys;
}

}  // namespace file

std::shared_ptr<Backend> make_file_backend(FileOptions options) {
    return std::make_shared<file::FileBackend>(std::move(options));
}

}  // namespace leaselock
