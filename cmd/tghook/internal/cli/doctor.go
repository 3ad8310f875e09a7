package cli

import "github.com/spf13/cobra"

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor --url URL",
		Short: "Find out why a webhook does not work",
		RunE:  func(*cobra.Command, []string) error { return usage("not built yet") },
	}
}
