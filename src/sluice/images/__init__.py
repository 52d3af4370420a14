"""Images: what is to be built, decided as data; then built by BuildKit through Pulumi's docker-build provider."""
