// SPDX-License-Identifier: GPL-3.0-or-later
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/protocol/fingerprint.hpp"

namespace matriz::identity {

/// SHA-256 of a certificate's DER, as SDP writes it (RFC 8122, section 5): "AB:CD:…", 32 upper-case hex pairs.
/// Nothing when `pem` holds no certificate. Any thread but the audio thread.
std::optional<std::string> fingerprint_of(std::string_view pem);

using protocol::clean_fingerprint;

/// Who this node is to the others: a P-256 key with a self-signed certificate, made once and kept. Immutable; any
/// thread.
class Identity {
  public:
    /// Reads `folder`/identity.pem; makes it at the first call, readable by its owner alone. Throws Error when it
    /// cannot be read, written, or holds something else; a broken file is never overwritten, since peers have pinned
    /// it.
    static Identity load_or_make(const std::string& folder);

    const std::string& certificate_pem() const noexcept { return certificate_; }
    /// The certificate and the private key in one PEM, as webrtcbin's DTLS elements want it.
    const std::string& pem() const noexcept { return pem_; }
    const std::string& fingerprint() const noexcept { return fingerprint_; }

  private:
    explicit Identity(std::string pem);

    std::string pem_;
    std::string certificate_;
    std::string fingerprint_;
};

}  // namespace matriz::identity
