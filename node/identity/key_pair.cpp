// SPDX-License-Identifier: GPL-3.0-or-later
#include "node/identity/key_pair.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

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

Bio reader(std::string_view pem) { return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

/// Without it OpenSSL would ask on the terminal.
int no_passphrase(char*, int, int, void*) noexcept { return -1; }

Certificate certificate_in(std::string_view pem) {
    const Bio bio = reader(pem);
    Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    return certificate;
}

PrivateKey private_key_in(std::string_view pem) {
    const Bio bio = reader(pem);
    PrivateKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
    ERR_clear_error();
    return key;
}

}  // namespace

bool holds_certificate(std::string_view pem) { return certificate_in(pem) != nullptr; }

bool holds_private_key(std::string_view pem) { return private_key_in(pem) != nullptr; }

bool belong_together(std::string_view certificate_pem, std::string_view key_pem) {
    const Certificate certificate = certificate_in(certificate_pem);
    const PrivateKey key = private_key_in(key_pem);
    const bool fits = certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
    ERR_clear_error();
    return fits;
}

}  // namespace matriz::identity
