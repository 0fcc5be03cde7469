"""The web application. It needs Gradio, the extra `app`."""
