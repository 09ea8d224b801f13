// Re-entrance: an owner that holds a key enters it again at once. It is handed to whoever may.
#include <fmt/format.h>
#include <string>

#include <leaselock/leaselock.hpp>

struct Account {
    std::string key;
    int balance;
};

bool withdraw(leaselock::LockOwner& owner, Account& account, int amount) {
    const auto lock = owner.acquire(account.key, {.wait = true});
    if (!lock || account.balance < amount) return false;
    account.balance -= amount;
    return true;
}

// Holds the account already when withdraw() asks for it.
bool withdraw_twice(leaselock::LockOwner& owner, Account& account, int amount) {
    const auto lock = owner.acquire(account.key, {.wait = true});
    return lock && withdraw(owner, account, amount) && withdraw(owner, account, amount);
}

int main() {
    leaselock::LockManager locks;
    leaselock::LockOwner owner{locks};
    Account account{"account:1", 100};
    const bool done = withdraw_twice(owner, account, 30);
    fmt::print("left: {}, levels left: {}\n", account.balance, owner.levels(account.key));
    return done && account.balance == 40 && owner.levels(account.key) == 0 ? 0 : 1;
}
