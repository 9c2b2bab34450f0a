// SPDX-License-Identifier: GPL-3.0-or-later
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>

#include "common/base/error.hpp"
#include "configserver/store/store.hpp"

namespace matriz::store {
namespace {

class StoreTest : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = (std::filesystem::temp_directory_path() / "matriz-store-XXXXXX").string();
        ASSERT_NE(mkdtemp(name.data()), nullptr);
        folder_ = name;
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::string path() const { return folder_ / "store.sqlite"; }

    std::filesystem::path folder_;
};

TEST_F(StoreTest, IsMadeWithTheFirstChange) {
    Store store(path());
    EXPECT_TRUE(store.routes().empty());
    store.remove_routes("none");
    EXPECT_FALSE(store.remove_key("none"));
    EXPECT_FALSE(std::filesystem::exists(path()));
    store.save_routes("r", "{}");
    EXPECT_TRUE(std::filesystem::exists(path()));
}

TEST_F(StoreTest, KeepsWhatItWasGiven) {
    const std::string odd = std::string("a'\"\n\0b", 6) + "é";
    {
        Store store(path());
        store.save_routes("r", "1");
        store.save_routes("r", "2");
        store.save_routes(odd, odd);
        store.save_routes("gone", "x");
        store.remove_routes("gone");
        const std::string rooms = "[]";
        store.save_key("porto", "h0", &rooms);
        store.save_key("porto", "h", nullptr);
        store.save_key("lisboa", "h2", nullptr);
        store.save_key("braga", "h3", nullptr);
        store.save_key("braga", "h3", &odd);
        EXPECT_TRUE(store.remove_key("lisboa"));
        EXPECT_FALSE(store.remove_key("lisboa"));
    }
    const Store store(path());
    EXPECT_EQ(store.routes(), (std::map<std::string, std::string>{{"r", "2"}, {odd, odd}}));
    EXPECT_EQ(store.keys(), (std::map<std::string, StoredKey>{{"porto", {"h", "[]"}}, {"braga", {"h3", odd}}}));
}

TEST_F(StoreTest, TakesOverOneOfVersion1) {
    sqlite3* old = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &old), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(old,
                           "CREATE TABLE routes (room TEXT PRIMARY KEY NOT NULL, hears TEXT NOT NULL) WITHOUT ROWID;"
                           "CREATE TABLE keys (name TEXT PRIMARY KEY NOT NULL, hash TEXT NOT NULL) WITHOUT ROWID;"
                           "INSERT INTO routes VALUES ('r', '1'); INSERT INTO keys VALUES ('porto', 'h');"
                           "PRAGMA application_id = 0x4d54525a; PRAGMA user_version = 1",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(old);
    const std::string rooms = "[]";
    for (int start = 0; start < 2; ++start) {
        Store store(path());
        EXPECT_EQ(store.routes(), (std::map<std::string, std::string>{{"r", "1"}}));
        EXPECT_EQ(store.keys(), (std::map<std::string, StoredKey>{{"porto", {"h", start == 0 ? "" : rooms}}}));
        store.save_key("porto", "h", &rooms);
    }
}

TEST_F(StoreTest, LeavesOneOfALaterVersionAlone) {
    Store(path()).save_routes("r", "1");
    sqlite3* later = nullptr;
    ASSERT_EQ(sqlite3_open(path().c_str(), &later), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(later, "PRAGMA user_version = 3", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(later);
    EXPECT_THROW(Store{path()}, Error);
}

TEST_F(StoreTest, PromisesNothingWhenItsFileWasTakenAway) {
    const std::filesystem::path elsewhere = folder_ / "elsewhere";
    Store store(path());
    store.save_routes("r", "1");
    std::filesystem::rename(path(), elsewhere);
    EXPECT_THROW(store.save_routes("r", "2"), Error);
    EXPECT_THROW(store.remove_key("none"), Error);
    std::filesystem::rename(elsewhere, path());
    store.save_routes("r", "3");
    EXPECT_EQ(store.routes(), (std::map<std::string, std::string>{{"r", "3"}}));
    std::filesystem::remove(path());
    EXPECT_THROW(store.save_routes("r", "4"), Error);
}

TEST_F(StoreTest, IsOneServersAlone) {
    Store first(path());
    first.save_key("a", "b", nullptr);
    EXPECT_THROW(Store second(path()), Error);
}

TEST_F(StoreTest, SaysWhenItCannotBeWritten) {
    Store store((folder_ / "no such folder" / "store.sqlite").string());
    EXPECT_THROW(store.save_key("a", "b", nullptr), Error);
    EXPECT_TRUE(store.keys().empty());
}

}  // namespace
}  // namespace matriz::store
