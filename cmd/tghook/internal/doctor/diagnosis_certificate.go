package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"
)

const (
	byHandshake = "makes a TLS handshake with each address, and verifies the certificates as Telegram does"
	verifyError = "getWebhookInfo says: SSL error {error:0A000086:SSL routines::certificate verify failed}"
)

// certificateTable has the faults of TLS.
var certificateTable = []diagnosis{
	{
		name: "not-tls", question: "Does the server speak TLS on this port?", probe: byHandshake,
		sentence: "The TLS handshake failed.",
		mend:     "Serve HTTPS on this port (nginx: listen 443 ssl; with ssl_certificate), with a certificate for this host, and without asking for a client's (nginx: ssl_verify_client off).",
		find: func(x *exam) []string {
			lines := x.handshakes(func(text string) bool { return !isVersion(text) })
			if err := x.delivery.err; err != nil && strings.Contains(err.Error(), "tls: ") { // by TLS 1.3, a client's certificate is missed later
				lines = append(lines, err.Error())
			}
			return lines
		},
	},
	{
		name: "tls-version", question: "Does the server speak TLS 1.2 or newer?", probe: byHandshake,
		sentence: "The server speaks only an old version of TLS.",
		mend:     "Allow TLS 1.2 and 1.3 (nginx: ssl_protocols TLSv1.2 TLSv1.3; Caddy does by itself; Node: minVersion \"TLSv1.2\").",
		find: func(x *exam) []string {
			lines := x.handshakes(isVersion)
			for _, c := range x.contacts {
				if c.version != 0 && c.version < tls.VersionTLS12 {
					lines = append(lines, fmt.Sprintf("%s: the server chose %s", c.addr, tls.VersionName(c.version)))
				}
			}
			return lines
		},
	},
	certificateRow(notValidNow, "certificate-expired", "Is the certificate valid now?",
		"The certificate has expired, or is not valid yet.",
		"Renew it, and load it anew (certbot renew; nginx -s reload). A server that renews by itself has to answer on port 80 or 443 for that."),
	certificateRow(wrongName, "certificate-name", "Is the certificate for this host?",
		"The certificate is for another name than the host of the URL.",
		"Get one for this host (certbot -d HOST), or set the webhook to a name that the certificate has. Does the server choose the right certificate for this name (nginx: server_name)?"),
	certificateRow(incompleteChain, "certificate-chain", "Does the server send the whole chain of certificates?",
		"The server sends its certificate without that of the authority between it and the root. Browsers find it by themselves, Telegram does not.",
		"Give the server the whole chain: certbot's fullchain.pem in place of cert.pem (nginx: ssl_certificate .../fullchain.pem). Look at it with: openssl s_client -connect HOST:443 -showcerts."),
	certificateRow(notTrusted, "certificate-untrusted", "Does a public authority vouch for the certificate?",
		"No authority that Telegram trusts vouches for the certificate. It is self-signed, or of an authority of your own.",
		"Get one of Let's Encrypt (Caddy does it by itself), or upload this one: tghook set --url URL --certificate public.pem. If it is uploaded already, give it to the doctor too: --certificate public.pem."),
	certificateRow(addressNotCommonName, "certificate-ip", "Is the IP address the common name of the uploaded certificate?",
		"Telegram compares an IP address with the common name of an uploaded certificate. A certificate with the address in its subjectAltName alone, or with a DNS name, fails.",
		"Make it with the address as its common name and without DNS names: openssl req -newkey rsa:2048 -sha256 -nodes -keyout key.pem -x509 -days 3650 -out public.pem -subj /CN=ADDRESS. Then: tghook set --url URL --certificate public.pem."),
}

func certificateRow(fault certificateFault, name, question, sentence, mend string) diagnosis {
	return diagnosis{
		name: name, question: question, probe: byHandshake, sentence: sentence, mend: mend,
		find: func(x *exam) (lines []string) {
			for _, c := range x.contacts {
				if found, text := x.judgeCertificate(c.chain, time.Now()); found == fault {
					lines = append(lines, fmt.Sprintf("%s: %s", c.addr, text))
				}
			}
			if len(lines) > 0 {
				lines = append(lines, verifyError)
			}
			return lines
		},
	}
}

// handshakes returns the failed handshakes whose errors are such.
func (x *exam) handshakes(such func(text string) bool) (lines []string) {
	for _, c := range x.contacts {
		var failed *handshakeError
		if errors.As(c.err, &failed) && such(failed.Error()) {
			lines = append(lines, fmt.Sprintf("%s port %s: %v", c.addr, x.target.port, failed.error))
		}
	}
	return lines
}

func isVersion(text string) bool {
	return strings.Contains(text, "protocol version") || strings.Contains(text, "unsupported versions")
}
