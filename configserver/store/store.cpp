// SPDX-License-Identifier: GPL-3.0-or-later
#include "configserver/store/store.hpp"

#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/error.hpp"

namespace matriz::store {
namespace {

/// In the file's header (PRAGMA application_id), so that no other program's database is taken for ours: "MTRZ".
constexpr int application_id = 0x4d54525a;
constexpr int schema_version = 2;

std::string text_at(sqlite3_stmt* row, int column) {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(row, column));
    return {bytes != nullptr ? bytes : "", static_cast<std::size_t>(sqlite3_column_bytes(row, column))};
}

}  // namespace

void Store::CloseDatabase::operator()(sqlite3* database) const noexcept { sqlite3_close(database); }
void Store::Finalize::operator()(sqlite3_stmt* statement) const noexcept { sqlite3_finalize(statement); }

Store::Store(std::string path) : path_(std::move(path)) {
    struct stat info {};
    if (::stat(path_.c_str(), &info) == 0)
        open(false);
    else if (errno != ENOENT)
        throw Error("the store {} cannot be read: {}", path_, std::strerror(errno));
}

Store::~Store() = default;

void Store::fail(const char* doing) const {
    const char* why = database_ ? sqlite3_errmsg(database_.get()) : "no memory";
    switch (database_ ? sqlite3_errcode(database_.get()) & 0xff : SQLITE_NOMEM) {
        case SQLITE_BUSY:
            throw Error("the store {} is in use by another server", path_);
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            throw Error(
                "the store {} is damaged ({}); it is left as it is: put a copy back, or move it away to start with "
                "an empty one",
                path_, why);
        case SQLITE_FULL:
            throw Error("cannot {} the store {}: the disk is full", doing, path_);
        default:
            throw Error("cannot {} the store {}: {}", doing, path_, why);
    }
}

void Store::open(bool create) {
    sqlite3* database = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    const int result = sqlite3_open_v2(path_.c_str(), &database, flags, nullptr);
    database_.reset(database);
    try {
        if (result != SQLITE_OK) fail("open");
        sqlite3_extended_result_codes(database_.get(), 1);
        // Held as long as the server runs: two servers on one store would each overwrite what the other promised.
        execute("PRAGMA locking_mode = EXCLUSIVE");
        execute("PRAGMA journal_mode = DELETE");
        execute("PRAGMA synchronous = EXTRA");
        execute("BEGIN EXCLUSIVE");
        check();
        execute("COMMIT");
    } catch (...) {
        database_.reset();
        throw;
    }
}

void Store::check() {
    const auto number = [this](const char* sql) {
        const Statement statement = prepare(sql);
        if (sqlite3_step(statement.get()) != SQLITE_ROW) fail("read");
        return sqlite3_column_int(statement.get(), 0);
    };
    const bool empty = number("SELECT count(*) FROM sqlite_master") == 0;
    if (!empty && number("PRAGMA application_id") != application_id)
        throw Error("the store {} is another program's database; name another file with 'store'", path_);
    const int version = empty ? schema_version : number("PRAGMA user_version");
    if (version < 1 || version > schema_version)
        throw Error("the store {} was written by another version of this program; name another file with 'store'",
                    path_);
    {
        const Statement statement = prepare("PRAGMA quick_check");
        if (sqlite3_step(statement.get()) != SQLITE_ROW) fail("read");
        const auto* verdict = reinterpret_cast<const char*>(sqlite3_column_text(statement.get(), 0));
        if (verdict == nullptr || std::string_view(verdict) != "ok")
            throw Error(
                "the store {} is damaged ({}); it is left as it is: put a copy back, or move it away to start with an "
                "empty one",
                path_, verdict != nullptr ? verdict : "unreadable");
    }
    if (empty) {
        execute("CREATE TABLE routes (room TEXT PRIMARY KEY NOT NULL, hears TEXT NOT NULL) WITHOUT ROWID");
        execute("CREATE TABLE keys (name TEXT PRIMARY KEY NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID");
        execute(fmt::format("PRAGMA application_id = {}", application_id).c_str());
    }
    if (!empty && version == schema_version) return;
    execute("ALTER TABLE keys ADD COLUMN rooms TEXT NOT NULL DEFAULT ''");  // since version 2
    execute(fmt::format("PRAGMA user_version = {}", schema_version).c_str());
}

/// What is written to a file that no name leads to any more would be gone with the server.
void Store::check_place() {
    int moved = 0;
    sqlite3_file_control(database_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved != 0)
        throw Error(
            "the store {} was moved or deleted while the server ran: put it back, or restart the server, which then "
            "takes "
            "what is there",
            path_);
}

void Store::execute(const char* sql) {
    if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) fail("write");
}

Store::Statement Store::prepare(const char* sql) const {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database_.get(), sql, -1, &statement, nullptr) != SQLITE_OK) fail("read");
    return Statement(statement);
}

int Store::change(const char* sql, std::initializer_list<std::string_view> values) {
    if (!database_) open(true);
    check_place();
    const Statement statement = prepare(sql);
    int place = 0;
    for (const std::string_view value : values)
        sqlite3_bind_text(statement.get(), ++place, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
    // One statement is one transaction.
    if (sqlite3_step(statement.get()) != SQLITE_DONE) fail("write");
    return sqlite3_changes(database_.get());
}

void Store::save_routes(const std::string& room, const std::string& hears) {
    change("INSERT INTO routes VALUES (?1, ?2) ON CONFLICT (room) DO UPDATE SET hears = excluded.hears", {room, hears});
}

void Store::remove_routes(const std::string& room) {
    if (database_) change("DELETE FROM routes WHERE room = ?1", {room});
}

void Store::save_key(const std::string& name, const std::string& hash, const std::string* rooms) {
    constexpr const char* all =
        "INSERT INTO keys (name, hash, rooms) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO UPDATE SET hash = "
        "excluded.hash, rooms = excluded.rooms";
    constexpr const char* hash_only =
        "INSERT INTO keys (name, hash) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET hash = excluded.hash";
    if (rooms != nullptr)
        change(all, {name, hash, *rooms});
    else
        change(hash_only, {name, hash});
}

bool Store::remove_key(const std::string& name) {
    return database_ && change("DELETE FROM keys WHERE name = ?1", {name}) > 0;
}

void Store::rows(const char* sql, const std::function<void(sqlite3_stmt* row)>& take) const {
    if (!database_) return;
    const Statement statement = prepare(sql);
    int result = SQLITE_DONE;
    while ((result = sqlite3_step(statement.get())) == SQLITE_ROW) take(statement.get());
    if (result != SQLITE_DONE) fail("read");
}

std::map<std::string, std::string> Store::routes() const {
    std::map<std::string, std::string> found;
    rows("SELECT room, hears FROM routes", [&](sqlite3_stmt* row) { found.emplace(text_at(row, 0), text_at(row, 1)); });
    return found;
}

std::map<std::string, StoredKey> Store::keys() const {
    std::map<std::string, StoredKey> found;
    rows("SELECT name, hash, rooms FROM keys", [&](sqlite3_stmt* row) {
        found.emplace(text_at(row, 0), StoredKey{text_at(row, 1), text_at(row, 2)});
    });
    return found;
}

}  // namespace matriz::store
