// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace matriz::store {

/// A key made at run time.
struct StoredKey {
    std::string hash;
    std::string rooms;  ///< JSON; empty: none were ever named
    bool operator==(const StoredKey&) const = default;
};

/// What outlives a restart: routes, and keys made at run time. One SQLite file; each change is on the disk, whole, when
/// the call returns, which may take long. The file is made with the first change. One thread at a time: read at the
/// start, then the Writer's.
class Store {
  public:
    /// Opens the file if it is there. Throws Error when it is damaged, another program's, in use by another server, or
    /// cannot be read: the file is then left as it is.
    explicit Store(std::string path);
    ~Store();

    /// Each throws Error when the change could not be written; then nothing has changed.
    void save_routes(const std::string& room, const std::string& hears);
    void remove_routes(const std::string& room);
    /// `rooms`: nullptr leaves those of the key made before.
    void save_key(const std::string& name, const std::string& hash, const std::string* rooms);
    /// False when there was none.
    bool remove_key(const std::string& name);

    std::map<std::string, std::string> routes() const;  ///< room → JSON
    std::map<std::string, StoredKey> keys() const;      ///< by name
    const std::string& path() const noexcept { return path_; }

  private:
    struct CloseDatabase {
        void operator()(sqlite3* database) const noexcept;
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const noexcept;
    };
    using Statement = std::unique_ptr<sqlite3_stmt, Finalize>;

    void open(bool create);
    void check();
    void check_place();
    void execute(const char* sql);
    int change(const char* sql, std::initializer_list<std::string_view> values);
    Statement prepare(const char* sql) const;
    /// Calls `take` for each row that `sql` finds.
    void rows(const char* sql, const std::function<void(sqlite3_stmt* row)>& take) const;
    [[noreturn]] void fail(const char* doing) const;

    std::string path_;
    std::unique_ptr<sqlite3, CloseDatabase> database_;
};

}  // namespace matriz::store
