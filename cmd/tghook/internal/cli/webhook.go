package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/tghook/tghook/cmd/tghook/internal/wire"
)

// webhookFlags say which webhook a command posts to, beside its URL.
type webhookFlags struct {
	botFlags

	certificateFile string
}

// add adds the flags to a command.
func (f *webhookFlags) add(cmd *cobra.Command) {
	f.addSecret(cmd)
	cmd.Flags().StringVar(&f.certificateFile, "certificate", "", "trust this certificate (PEM) in place of the public authorities, as after setWebhook with certificate")
	_ = cmd.MarkFlagFilename("certificate")
}

// target returns the webhook at a URL.
func (f *webhookFlags) target(url string) (*wire.Target, error) {
	secret, err := f.secret()
	if err != nil {
		return nil, err
	}
	cfg := wire.Config{URL: url, Secret: secret}
	if cfg.Certificate, err = f.certificate(); err != nil {
		return nil, err
	}
	target, err := wire.NewTarget(cfg)
	if err != nil {
		return nil, usage("%w", err)
	}
	return target, nil
}

// certificate returns the content of the certificate's file; nil if none is given.
func (f *webhookFlags) certificate() ([]byte, error) {
	if f.certificateFile == "" {
		return nil, nil
	}
	content, err := os.ReadFile(f.certificateFile)
	if err != nil {
		return nil, usage("--certificate: %w", err)
	}
	return content, nil
}
