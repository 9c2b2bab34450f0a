// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/identity.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "common/base/error.hpp"
#include "common/base/log.hpp"
#include "node/identity/private_file.hpp"

namespace matriz::identity {
namespace {

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        free_function(object);
    }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

constexpr long valid_seconds = 60L * 60 * 24 * 365 * 30;
constexpr long backdate_seconds = 60L * 60 * 24;  // a Raspberry Pi without a network starts with a clock that is slow

[[noreturn]] void fail(const char* what) {
    char reason[256] = "unknown reason";
    if (const unsigned long code = ERR_get_error(); code != 0) ERR_error_string_n(code, reason, sizeof reason);
    throw Error("{}: {}", what, reason);
}

Bio reader(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

std::string contents(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

Certificate parse_certificate(std::string_view pem) {
    const Bio bio = reader(pem);
    Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
    return certificate;
}

Certificate self_signed(EVP_PKEY* key) {
    Certificate certificate(X509_new());
    std::array<unsigned char, 8> serial{};
    // The name says nothing: a node's name belongs to its key on the config server, the fingerprint is what counts.
    constexpr std::string_view common_name = "matriz";
    X509_NAME* name = X509_get_subject_name(certificate.get());
    BIGNUM* number = BN_new();
    const bool made = BN_rand(number, serial.size() * 8 - 1, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
                      BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate.get())) != nullptr &&
                      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
                      X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -backdate_seconds) != nullptr &&
                      X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_seconds) != nullptr &&
                      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                                 static_cast<int>(common_name.size()), -1, 0) == 1 &&
                      X509_set_issuer_name(certificate.get(), name) == 1 &&
                      X509_set_pubkey(certificate.get(), key) == 1 &&
                      X509_sign(certificate.get(), key, EVP_sha256()) > 0;
    BN_free(number);
    if (!made) fail("make a certificate");
    return certificate;
}

/// Whoever reads the key can pass for this node.
void keep_private(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0 || (info.st_mode & (S_IRWXG | S_IRWXO)) == 0) return;
    const bool mended = ::chmod(path.c_str(), S_IRUSR | S_IWUSR) == 0;
    log::Logger("identity")
        .warning(
            "{} was open to other users of this machine (mode {:o}): {}; if one of them may have read it, remove it, "
            "and "
            "this node makes another identity",
            path, info.st_mode & 07777U,
            mended ? "from now on it is its owner's alone" : "and cannot be closed, do so by chmod 600");
}

std::string make_pem() {
    char curve[] = "P-256";
    const PrivateKey key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve));
    if (!key) fail("make a P-256 key");
    const Certificate certificate = self_signed(key.get());
    const Bio bio(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(bio.get(), certificate.get()) != 1 ||
        PEM_write_bio_PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
        fail("write a key as PEM");
    return contents(bio.get());
}

}  // namespace

std::optional<std::string> fingerprint_of(std::string_view pem) {
    const Certificate certificate = parse_certificate(pem);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (!certificate || X509_digest(certificate.get(), EVP_sha256(), digest.data(), &size) != 1) return std::nullopt;
    std::string text;
    for (unsigned i = 0; i < size; ++i) text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
    return text;
}

Identity::Identity(std::string pem) : pem_(std::move(pem)) {
    const Bio key_bio = reader(pem_);
    const PrivateKey key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
    const Certificate certificate = parse_certificate(pem_);
    ERR_clear_error();
    if (!certificate || !key) throw Error("holds no certificate with its private key");
    if (X509_check_private_key(certificate.get(), key.get()) != 1)
        throw Error("holds a certificate and a private key that do not belong together");
    const Bio bio(BIO_new(BIO_s_mem()));
    if (PEM_write_bio_X509(bio.get(), certificate.get()) != 1) fail("write a certificate as PEM");
    certificate_ = contents(bio.get());
    fingerprint_ = fingerprint_of(certificate_).value();
}

Identity Identity::load_or_make(const std::string& folder) {
    const std::string path = folder + "/identity.pem";
    try {
        std::error_code error;
        if (!std::filesystem::exists(path, error)) {
            std::filesystem::create_directories(folder);
            write_private(path, make_pem());
        }
        std::ifstream stream(path, std::ios::binary);
        if (!stream) throw Error("cannot be read: {}", std::strerror(errno));
        keep_private(path);
        return Identity(std::string{std::istreambuf_iterator<char>(stream), {}});
    } catch (const std::exception&) {
        rethrow_in_context("this node's identity, " + path);
    }
}

}  // namespace matriz::identity
