"""The pages of those who are on call. What the catalog shows is in `console.views`; what is judged, in `incidents`."""
