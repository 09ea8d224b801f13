#include "file/file_backend.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fmt/format.h>
#include <utility>

#include <leaselock/error.hpp>
#include <leaselock/glob.hpp>

#include "file/failure.hpp"
#include "file/names.hpp"
#include "file/nap.hpp"
#include "file/sweep.hpp"

namespace leaselock {
namespace file {
namespace {

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

template <class Done>
bool soon(Clock& clock, const Done& done) {
    constexpr std::chrono::microseconds longest{640};
    Nap nap;
    while (!done()) {
        if (nap.length >= longest) return false;
        nap.take(clock);
    }
    return true;
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

// The directory cannot be removed without our member.
Home FileBackend::home(bool with_self) {
    const MutexLock lock{mutex_};
    Home& home = *home_;
    const bool is_there = home.self != nullptr
                              ? !home.self->is_removed()
                              : home.directory != nullptr && !home.directory->is_removed();
    if (!is_there) {
        home.self.reset();
        if (home.directory == nullptr || home.directory->is_removed()) {
            home.directory = std::make_shared<LockDirectory>(path(), options_.directory.empty());
        }
    }
    if (with_self && home.self == nullptr) {
        home.self = std::make_shared<const Member>(home.directory);
        sweep_some(home);
    }
    return home;
}

void FileBackend::sweep_some(const Home& home) {
    try {
        for (const std::string& name : some_names(*home.directory, home.self->id())) {
            if (is_of_member(name)) sweep_member(home.directory->fd(), name);
            if (is_of_lock(name)) (void)sweep(home, name);
        }
    } catch (const FileError&) {  // the next one does
    }
}

// What its caller blocks for is done on its thread, and so is what is over in a moment; the rest
// must not hold the submitting thread up, whatever the disk is at.
void FileBackend::submit(std::span<Operation* const> operations) noexcept {
    if (is_copied()) return refuse_copied(operations);
    for (Operation* const operation : operations) {
        const bool goes_on = operation->submitter == Submitter::goes_on;
        if (!goes_on && run(*operation)) continue;
        // How long a process may be paused inside the file is a matter of real time.
        operation->since = real_->now();
        if (operation->submitter == Submitter::helps) continue;
        if (!background_->add(*operation)) fail(*operation, Errc::no_thread, "no thread for it");
    }
}

bool FileBackend::help(Operation& operation, Clock::time_point until) noexcept {
    if (operation.submitter != Submitter::helps || is_in_child()) return false;
    Nap nap;
    while (!run_in_time(operation)) {
        if (options_.clock->now() >= until) break;
        nap.take(*real_);
    }
    return true;
}

void FileBackend::cancel(Operation& operation) noexcept {
    if (operation.submitter == Submitter::helps || is_in_child() ||
        background_->take_out(operation)) {
        give_up(operation);
    }
}

void FileBackend::give_up(Operation& operation) noexcept {
    fail(operation, Errc::busy, "another process is inside the lock's file and does not go on");
}

void FileBackend::forget(Listener& listener) noexcept {
    if (is_in_child()) return;
    notifications_->forget(listener);
}

bool FileBackend::run_in_time(Operation& operation) noexcept {
    if (run(operation)) return true;
    const bool hangs = real_->now() >= operation.since + patience;
    if (!hangs && options_.clock->now() < operation.request.deadline) return false;
    give_up(operation);
    return true;
}

bool FileBackend::run(Operation& operation) noexcept {
    try {
        if (!run_with_spares(operation)) return false;
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
        const std::string directory = path() + '/';
        const bool names_it = all.find(directory) != std::string::npos;
        const std::string name = name_of(operation.request.key);
        operation.fail(code, names_it ? all : fmt::format("'{}{}': {}", directory, name, all));
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

void FileBackend::Spares::close() noexcept {
    for (Descriptor& each : all_) each.close();
}

void FileBackend::Spares::open(const Directory& directory) noexcept {
    for (Descriptor& each : all_) {
        if (!each) each = Descriptor{::fcntl(directory.fd(), F_DUPFD_CLOEXEC, 0)};
    }
}

// Without them a renewal may find no descriptor, which changes nothing else.
void FileBackend::fill_spares() noexcept {
    try {
        spares_.open(*home(false).directory);
    } catch (const FileError&) {
        spares_.close();
    } catch (const std::bad_alloc&) {
        spares_.close();
    }
}

// A request that would hold or wait is refused instead.
bool FileBackend::run_with_spares(Operation& operation) {
    const Verb verb = operation.request.verb;
    try {
        const bool ran = run_without_kept(operation);
        if (verb == Verb::acquire && !has_spares_.exchange(true)) {
            const MutexLock lock{spares_mutex_};
            fill_spares();
        }
        return ran;
    } catch (const FileError& error) {
        const bool holds = verb == Verb::renew || verb == Verb::release;
        if (!holds || error.code() != Errc::too_many_clients) throw;
    }
    const MutexLock lock{spares_mutex_};
    spares_.close();
    try {
        const bool ran = run_in_file(operation);
        fill_spares();
        return ran;
    } catch (...) {
        fill_spares();
        throw;
    }
}

bool FileBackend::run_without_kept(Operation& operation) {
    try {
        return run_in_file(operation);
    } catch (const FileError& error) {
        if (error.code() != Errc::too_many_clients || !close_kept()) throw;
    }
    return run_in_file(operation);
}

bool FileBackend::close_kept() noexcept {
    const MutexLock lock{mutex_};
    return kept_->clear();
}

bool FileBackend::run_in_file(Operation& operation) {
    const Verb verb = operation.request.verb;
    const std::string name = name_of(operation.request.key);
    if (const auto ran = run_in_kept(operation, name)) return *ran;
    const Home home = this->home(verb == Verb::acquire || verb == Verb::renew);
    const auto access = verb == Verb::acquire ? LockFile::Access::create : LockFile::Access::exists;
    LockFile file;
    do {
        file = LockFile{*home.directory, name, access};
        if (!file) {
            operation.reply.outcome = verb == Verb::inspect ? Outcome::free : Outcome::lost;
            return true;
        }
        if (!file.enter()) return false;
    } while (file.is_removed());
    run_inside(home, file, operation);
    return true;
}

std::optional<bool> FileBackend::run_in_kept(Operation& operation, const std::string& name) {
    if (operation.request.verb != Verb::release) return std::nullopt;
    Home home;
    KeptFile kept = take_kept(name, operation.request.token, home);
    if (!kept.file) return std::nullopt;
    if (!kept.file.enter()) {
        keep(std::move(kept));
        return false;
    }
    if (kept.file.is_removed()) return std::nullopt;
    run_inside(home, kept.file, operation);
    return true;
}

// A file that still has its name is in the directory, so that one is there, too.
KeptFile FileBackend::take_kept(const std::string& name, std::string_view token, Home& home) {
    const MutexLock lock{mutex_};
    home = *home_;
    KeptFile kept = kept_->take(name, token);
    return kept.directory == home.directory ? std::move(kept) : KeptFile{};
}

void FileBackend::keep(KeptFile kept) noexcept {
    KeptFile oldest;  // is closed without the mutex
    const MutexLock lock{mutex_};
    oldest = kept_->put(std::move(kept));
}

void FileBackend::run_inside(const Home& home, LockFile& file, Operation& operation) {
    Visit visit{home, file, *notifications_, operation};
    visit.run();
    leave(home, file, operation);
    visit.notify();
}

void FileBackend::leave(const Home& home, LockFile& file, const Operation& operation) noexcept {
    const Request& request = operation.request;
    const bool is_held = request.verb == Verb::acquire &&
                         operation.reply.outcome == Outcome::granted && !request.claim.is_latch();
    if (!is_held || !file.leave()) return file.close();
    try {
        keep({std::string(request.token), home.directory, std::move(file)});
    } catch (const std::bad_alloc&) {
        file.close();
    }
}

// Where nobody can look: what the name tells.
std::optional<std::string> FileBackend::sweep(const Home& home, const std::string& name) try {
    LockFile file{*home.directory, name, LockFile::Access::exists};
    std::optional<std::string> key = key_of(name);
    const auto enter = [&] { return file.enter(); };
    if (!file || !(key ? enter() : soon(*real_, enter)) || file.is_removed()) return key;
    Operation inspect{{.verb = Verb::inspect, .submitted = options_.clock->now()}};
    Visit visit{home, file, *notifications_, inspect};
    visit.run();
    if (inspect.reply.outcome == Outcome::free) return std::nullopt;
    return visit.key();
} catch (const FileError& error) {
    if (family(error.code()) != Family::refused) throw;
    return key_of(name);
}

void FileBackend::examine(std::vector<Finding>& findings) {
    throw_if_copied();
    told_outside([&] {
        const Home home = this->home(false);
        // What the dead have left is nothing to tell of.
        for (const std::string& name : home.directory->names()) (void)sweep(home, name);
        home.directory->examine(findings);
    });
}

std::vector<std::string> FileBackend::list(std::string_view prefix, std::string_view pattern) {
    throw_if_copied();
    std::vector<std::string> keys;
    told_outside([&] {
        const Home home = this->home(false);
        for (const std::string& name : home.directory->names()) {
            std::optional<std::string> key = sweep(home, name);
            if (key && is_listed(*key, prefix, pattern)) keys.push_back(std::move(*key));
        }
    });
    return keys;
}

}  // namespace file

std::shared_ptr<Backend> make_file_backend(FileOptions options) {
    return std::make_shared<file::FileBackend>(std::move(options));
}

}  // namespace leaselock
