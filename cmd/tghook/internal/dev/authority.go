package dev

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
)

// writeAuthority writes the certificate of the desk's authority to a file, and returns a
// client that trusts it. The authority is made anew at each start, and its key stays in
// memory: what trusts the file trusts nobody else, and nothing for longer than this run.
func writeAuthority(base string, certificate []byte) (file string, client *http.Client, err error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return "", nil, errors.New("--https: the desk has no authority")
	}
	u, err := url.Parse(base)
	if err != nil {
		return "", nil, err
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", nil, fmt.Errorf("--https: there is no folder for the authority's certificate: %w; set XDG_CACHE_HOME or HOME", err)
	}
	dir = filepath.Join(dir, "tghook")
	file = filepath.Join(dir, "ca-"+u.Port()+".pem") // of its own for each tghook dev that runs
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", nil, fmt.Errorf("--https: the authority's certificate cannot be written: %w", err)
	}
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		return "", nil, fmt.Errorf("--https: the authority's certificate cannot be written: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	return file, &http.Client{Transport: transport}, nil
}
