// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace matriz::store {

/// What outlives a restart: routes, and keys made at run time. One SQLite file; each change is on the disk, whole, when
/// the call returns. The file is made with the first change. Main thread.
class Store {
  public:
    /// Opens the file if it is there. Throws Error when it is damaged, another program's, in use by another server, or
    /// cannot be read: the file is then left as it is.
    explicit Store(std::string path);
    ~Store();

    /// Each throws Error when the change could not be written; then nothing has changed.
    void save_routes(const std::string& room, const std::string& hears);
    void remove_routes(const std::string& room);
    void save_key(const std::string& name, const std::string& hash);
    /// False when there was none.
    bool remove_key(const std::string& name);

    std::map<std::string, std::string> routes() const;  ///< room → JSON
    std::map<std::string, std::string> keys() const;    ///< name → hash
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
    void execute(const char* sql);
    int change(const char* sql, std::string_view first, std::string_view second = {});
    Statement prepare(const char* sql) const;
    std::map<std::string, std::string> pairs(const char* sql) const;
    [[noreturn]] void fail(const char* doing) const;

    std::string path_;
    std::unique_ptr<sqlite3, CloseDatabase> database_;
};

}  // namespace matriz::store
