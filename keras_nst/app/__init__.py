"""The web application: pages for people who would rather look than read. It needs Gradio, the extra `app`."""
