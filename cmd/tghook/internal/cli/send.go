package cli

import "github.com/spf13/cobra"

func newSend() *cobra.Command {
	return &cobra.Command{
		Use:   "send KIND|FILE --to URL",
		Short: "Post an update to a URL as Telegram would",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
