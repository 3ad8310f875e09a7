package cli

import "github.com/spf13/cobra"

func newDev() *cobra.Command {
	return &cobra.Command{
		Use:   "dev [flags] [-- command ...]",
		Short: "Run a Telegram on your desk",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
