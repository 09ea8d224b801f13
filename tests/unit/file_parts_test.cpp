// Goal: the parts of the file backend: names, states as bytes, a file that somebody was killed in,
// fencing tokens, rights. Method: each by itself, in a directory of its own.
#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "file/failure.hpp"
#include "file/lock_directory.hpp"
#include "file/lock_file.hpp"
#include "file/names.hpp"
#include "file/record.hpp"
#include "support/temp_dir.hpp"

namespace leaselock::file {
namespace {

using Access = LockFile::Access;

template <class Call>
Errc code_of(const Call& call) {
    try {
        call();
    } catch (const FileError& error) {
        return error.code();
    }
    return Errc{};
}

TEST(FileNames, TellTheKeyWhateverIsInIt) {
    std::string any;
    for (int byte = 1; byte < 256; ++byte) any += static_cast<char>(byte);
    any = any.substr(0, 120);
    for (const std::string& key : {std::string{"a"}, std::string{"..%/x"}, std::string{"a:b_c-d.e"},
                                   std::string{"50%41%0A"}, std::string(200, 'x'), any}) {
        const std::string name = name_of(key);
        EXPECT_EQ(name.find('/'), std::string::npos) << name;
        EXPECT_TRUE(is_of_lock(name)) << name;
        EXPECT_EQ(key_of(name), name.size() < 255 ? std::optional{key} : std::nullopt);
    }
}

TEST(FileNames, LongKeysHaveNamesOfTheirOwnThatDoNotTellThem) {
    std::set<std::string> names;
    for (int i = 0; i < 100; ++i) {
        const std::string name = name_of(std::string(500, '/') + std::to_string(i));
        EXPECT_LE(name.size(), 255U);
        EXPECT_EQ(key_of(name), std::nullopt);
        names.insert(name);
    }
    EXPECT_EQ(names.size(), 100U);
}

TEST(FileNames, OfNothingOfOursAreNone) {
    for (const char* name : {".fence", "a%", "a%2", "a%zz", "a%-1234"}) {
        EXPECT_EQ(key_of(name), std::nullopt) << name;
    }
}

Record full_record() {
    Record record{.key = "key"};
    const auto time = [](int ms) { return Clock::time_point{std::chrono::milliseconds{ms}}; };
    record.entry.hold("me/1", Claim::permits(2, 5), time(10), {11, time(9)});
    record.entry.hold("me/2", Claim::permits(1, 5), time(20), {12, time(19)});
    record.entry.fencing_token = 77;
    Reply reply;
    const Request waits{.verb = Verb::acquire,
                        .token = "me/3",
                        .ttl = std::chrono::milliseconds{7},
                        .claim = Claim::permits(4, 5),
                        .entry_life = std::chrono::milliseconds{30},
                        .submitted = time(5)};
    record.entry.join(waits, 13, reply);
    return record;
}

TEST(FileRecord, ComesBackAsItWas) {
    const std::string bytes = encode(full_record());
    const Record back = decode(bytes);
    EXPECT_EQ(back.key, "key");
    EXPECT_EQ(back.entry.shares->used(), 3);
    EXPECT_TRUE(back.entry.knows("me/3", Clock::time_point{}));
    EXPECT_EQ(back.entry.queue->first(Clock::time_point{})->member, 13U);
    EXPECT_EQ(encode(back), bytes);
}

TEST(FileRecord, ThatIsCutOffOrGoesOnIsCorrupt) {
    const std::string bytes = encode(full_record());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_EQ(code_of([&] { (void)decode(bytes.substr(0, size)); }), Errc::corrupt) << size;
    }
    EXPECT_EQ(code_of([&] { (void)decode(bytes + 'x'); }), Errc::corrupt);
}

class FileParts : public ::testing::Test {
  protected:
    [[nodiscard]] std::string path(const std::string& name) const { return home_.file(name); }
    [[nodiscard]] LockFile open(Access access = Access::create) const {
        return {directory_, "key", access};
    }
    void put(const std::string& bytes) const {
        std::ofstream{path("key"), std::ios::binary | std::ios::trunc} << bytes;
    }
    [[nodiscard]] std::string bytes() const {
        std::ifstream file{path("key"), std::ios::binary};
        return {std::istreambuf_iterator<char>{file}, {}};
    }

    support::TempDir home_;
    LockDirectory directory_{home_.path().string()};
    SizeLimit limit_;
};

TEST_F(FileParts, StateIsWrittenBesideTheFormerOneBeforeTheHeaderIs) {
    LockFile file = open();
    ASSERT_TRUE(file.enter());
    EXPECT_EQ(file.load().bytes, "");
    file.store("first");
    EXPECT_EQ(file.load().bytes, "first");
    // As it lies there with an older header: whoever was killed before the new one was written.
    const std::string before = bytes();
    file.store("second, and longer");
    std::string after = bytes();
    after.replace(0, 72, before, 0, 72);
    put(after);
    EXPECT_EQ(file.load().bytes, "first");
}

TEST_F(FileParts, FileDoesNotGrowWithItsUse) {
    LockFile file = open();
    ASSERT_TRUE(file.enter());
    (void)file.load();
    for (std::size_t i = 0; i < 1000; ++i) {
        file.store(std::string(1 + i % 100, 'x'));
        EXPECT_EQ(file.load().bytes.size(), 1 + i % 100);
    }
    EXPECT_LT(bytes().size(), 128U + 4 * 100);
}

TEST_F(FileParts, ProcessKilledBeforeItsFirstHeaderLeavesNothing) {
    put(std::string(128, '\0') + "state");
    LockFile file = open();
    ASSERT_TRUE(file.enter());
    EXPECT_EQ(file.load().bytes, "");
}

TEST_F(FileParts, WhatIsNoLockIsCorrupt) {
    LockFile file = open();
    file.store("state");
    const std::string good = bytes();
    std::string far = good;
    far[16 + 40 + 7] = '\x7f';
    for (const std::string& bad : {std::string{"text"}, std::string(200, 'x'), good.substr(0, 71),
                                   good.substr(0, 130), far}) {
        put(bad);
        EXPECT_EQ(code_of([&] { (void)file.load(); }), Errc::corrupt) << bad.size();
        EXPECT_EQ(bytes(), bad);
    }
}

TEST_F(FileParts, StateOfAnotherBootIsKnownAsOne) {
    LockFile file = open();
    file.store("state");
    EXPECT_TRUE(file.load().is_of_this_boot);
    std::string old = bytes();
    old[16] = old[16] == 'x' ? 'y' : 'x';
    put(old);
    EXPECT_FALSE(file.load().is_of_this_boot);
}

TEST_F(FileParts, OneIsInsideAtATime) {
    LockFile one = open();
    LockFile two = open();
    ASSERT_TRUE(one.enter());
    EXPECT_FALSE(two.enter());
    one.close();
    EXPECT_TRUE(two.enter());
}

// It has the file open, and with it the kernel's lock.
TEST_F(FileParts, ChildThatIsForkedWhileSomebodyIsInsideKeepsNobodyOut) {
    LockFile inside = open();
    ASSERT_TRUE(inside.enter());
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    inside.close();
    LockFile another = open();
    EXPECT_TRUE(another.enter());
    ::kill(child, SIGKILL);
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST_F(FileParts, FileThatIsNotThereIsMadeOnlyOnDemand) {
    EXPECT_FALSE(open(Access::exists));
    EXPECT_TRUE(open(Access::create));
    EXPECT_TRUE(open(Access::exists));
}

TEST_F(FileParts, RightsAreThoseOfTheDirectory) {
    const support::TempDir home;
    ASSERT_EQ(::chmod(home.path().c_str(), 02770), 0);
    LockDirectory directory{home.path().string()};
    const LockFile file{directory, "key", Access::create};
    (void)directory.fences(0, limit_);
    for (const char* name : {"key", ".fence"}) {
        struct stat found {};
        ASSERT_EQ(::stat(home.file(name).c_str(), &found), 0);
        EXPECT_EQ(found.st_mode & 07777U, 0660U) << name;
    }
}

TEST_F(FileParts, LinkInThePlaceOfAFileIsNotFollowed) {
    std::filesystem::create_symlink(path("elsewhere"), path("key"));
    EXPECT_EQ(code_of([&] { (void)open(); }), Errc::corrupt);
    EXPECT_FALSE(std::filesystem::exists(path("elsewhere")));
}

TEST_F(FileParts, DirectoryThatOthersMayWriteToIsNotTakenForOurs) {
    const std::string path = home_.path().string();
    EXPECT_EQ(code_of([&] { const Directory ours{path, true}; }), Errc{});
    ASSERT_EQ(::chmod(path.c_str(), 0770), 0);
    EXPECT_EQ(code_of([&] { const Directory ours{path, true}; }), Errc::access_denied);
}

TEST_F(FileParts, LinkToADirectoryIsNotTakenForOurs) {
    const std::string link = path("link");
    std::filesystem::create_directory_symlink(home_.path(), link);
    EXPECT_EQ(code_of([&] { const Directory anyone{link}; }), Errc{});
    EXPECT_NE(code_of([&] { const Directory ours{link, true}; }), Errc{});
}

TEST_F(FileParts, FencesRiseOverAllOfADirectoryAndItsLoss) {
    LockDirectory same{home_.path().string()};
    const std::uint64_t first = directory_.fences(0, limit_).next();
    directory_.publish(first + 1'000'000'000, limit_);
    EXPECT_GT(same.fences(0, limit_).next(), first + 1'000'000'000);
    directory_.publish(first, limit_);  // late: changes nothing
    EXPECT_GT(same.fences(0, limit_).next(), first + 1'000'000'000);
    const support::TempDir another;
    EXPECT_GE(LockDirectory{another.path().string()}.fences(0, limit_).next(), first);
}

TEST_F(FileParts, FencesOfManyThreadsKeepTheHighest) {
    const std::uint64_t base = directory_.fences(0, limit_).next();
    {
        std::vector<std::jthread> all;
        for (std::uint64_t i = 0; i < 4; ++i) {
            all.emplace_back([this, base, i] {
                SizeLimit limit;
                for (std::uint64_t step = 0; step < 1000; ++step) {
                    directory_.publish(base + 1'000'000'000 + 4 * step + i, limit);
                }
            });
        }
    }
    EXPECT_GT(directory_.fences(0, limit_).next(), base + 1'000'000'000 + 3999);
    LockDirectory another{home_.path().string()};
    EXPECT_GT(another.fences(0, limit_).next(), base + 1'000'000'000 + 3999);
}

}  // namespace
}  // namespace leaselock::file
